-- Why a command was given, in the words of whoever gave it. Free text may be personal, so it stands
-- apart from the trail, which is never changed, and is erased with the person or credential that
-- the command was about. `seq` is the command's row in the trail.
create table reasons (
    place {bigint} not null,
    seq {bigint} not null,
    at {bigint} not null,
    noun text not null,
    number {bigint},
    person {bigint},
    credential {bigint},
    words text not null,
    primary key (place, seq)
){rowless};
create index reasons_object on reasons (place, noun, number) where number is not null;
create index reasons_person on reasons (place, person) where person is not null;
create index reasons_credential on reasons (place, credential) where credential is not null;
