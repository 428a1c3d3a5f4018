-- Before an old right to share is purged, it is asked whether keys under it are still there.

create index grants_issued on grants (place, issued_under) where issued_under is not null;
