-- What a place is used for, and until when nothing of it or of somebody in it is forgotten.
alter table places add column used_for text;
alter table places add column held_until {bigint};
alter table people add column held_until {bigint};

-- Who stands for whom an event concerned, where its lock's privacy keeps no more.
alter table event_subjects add column stand_in {bytes};

-- How far the log of a lock with no network had come when it showed the list it has, and up to when
-- all that happened there was known before.
alter table offline_locks add column mark_log {bigint};
alter table offline_locks add column mark_next {bigint};
alter table offline_locks add column mark_at {bigint};
alter table offline_locks add column known_before {bigint};
