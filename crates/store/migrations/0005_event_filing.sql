-- Events by lock and by person, filed some thousands at a time: an entry made with each event
-- would cost a page of its own in the log of SQLite.

drop index events_lock;
drop index event_subjects_person;

-- Up to which event those of a place are filed.
create table event_filing (
    place {bigint} not null primary key,
    filed {bigint} not null
){rowless};

create table event_locks (
    place {bigint} not null,
    lock {bigint} not null,
    seq {bigint} not null,
    primary key (place, lock, seq)
){rowless};

create table event_people (
    place {bigint} not null,
    person {bigint} not null,
    seq {bigint} not null,
    primary key (place, person, seq)
){rowless};
