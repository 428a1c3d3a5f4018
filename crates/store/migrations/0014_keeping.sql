-- What a place is used for, and until when nothing of it or of somebody in it is forgotten.
alter table places add column used_for text;
alter table places add column held_until {bigint};
alter table people add column held_until {bigint};

-- Who stands for whom an event concerned, where its lock's privacy keeps no more.
alter table event_subjects add column stand_in {bytes};
