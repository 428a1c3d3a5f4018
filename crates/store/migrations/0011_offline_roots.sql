-- What the root has said of the issuers of places, where it is kept elsewhere: by generation.
create table issuers (
    place {bigint} not null,
    generation {bigint} not null,
    certificate {bytes} not null,
    primary key (place, generation)
){rowless};

-- The list that a lock has shown to hold although the server never made it: the database is older
-- than the lock. An operator says when an epoch begins for it.
alter table offline_locks add column ahead_epoch {bigint};
alter table offline_locks add column ahead_version {bigint};

-- Since when some of a lock's events have been missing before others that arrived.
alter table offline_locks add column gap_since {bigint};

-- When a device last called, told at most once a day.
alter table devices add column seen_at {bigint};
