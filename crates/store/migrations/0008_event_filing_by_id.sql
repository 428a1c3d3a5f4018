-- Events filed by lock and by person in the order of ids too. What is filed is filed anew, some
-- thousands at a time in the background; until then it is found among those that are not.

drop table event_locks;
drop table event_people;
delete from event_filing;

create table event_locks (
    place {bigint} not null,
    lock {bigint} not null,
    seq {bigint} not null,
    id {bytes} not null,
    primary key (place, lock, seq)
){rowless};
create index event_locks_id on event_locks (place, lock, id);

create table event_people (
    place {bigint} not null,
    person {bigint} not null,
    seq {bigint} not null,
    id {bytes} not null,
    primary key (place, person, seq)
){rowless};
