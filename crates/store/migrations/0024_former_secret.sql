-- What a lock with no network shared with its server before it was last commissioned again: events
-- that it sealed until then are still to come.
alter table offline_locks add column former_secret {bytes};
