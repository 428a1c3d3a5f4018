-- The external id of a client is unique in its organization, not among those of all.

drop index clients_external;
create unique index clients_external on clients (organization, external_id)
    where external_id is not null and deleted_at is null;
