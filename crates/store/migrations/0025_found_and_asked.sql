-- When a place last asked somebody to come in, which is known of whose mail is.
alter table people add column invited_at {bigint};
update people set invited_at = (
    select max(created_at) from mails
    where mails.place = people.place and mails.person = people.number
);

-- What is forgotten, trimmed, exported or told of a mail is found without reading a whole place.
create index deliveries_seq on deliveries (place, seq) where seq is not null;
create index deliveries_made on deliveries (created_at) where state <> 'waiting';
create index trail_object on trail (place, object_id, seq) where object_id is not null;
create index trail_actor on trail (place, actor_id, seq) where actor_id is not null;
create index event_subjects_stand_in on event_subjects (place, stand_in, seq)
    where stand_in is not null;
create index mails_id on mails (id);
