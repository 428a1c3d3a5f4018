-- What the events of a lock keep of who they concern is stamped on them when they happen.

alter table events add column hidden {bigint} not null default 0;
alter table places add column default_privacy text not null default 'full';
