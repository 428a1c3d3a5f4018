-- When anything was last signed for a lock with no network, and when a list was made, at the
-- latest, that it is known to have had: UTC seconds. Of keys that were signed since the list, each
-- says when.
alter table offline_locks add column signed {bigint} not null default 0;
alter table offline_locks add column told_iat {bigint} not null default 0;
update offline_locks set signed = iat;
update offline_locks set signed = (
    select max(issued_keys.iat) from issued_keys
    where issued_keys.place = offline_locks.place and issued_keys.lock = offline_locks.lock
) where exists (
    select 1 from issued_keys
    where issued_keys.place = offline_locks.place and issued_keys.lock = offline_locks.lock
    and issued_keys.iat > offline_locks.signed
);
update offline_locks set told_iat = iat where told_epoch = epoch and told_version = version;
