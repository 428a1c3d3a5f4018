-- Mails on their way, kept from the commit that they follow from; and for a while how it went. What
-- is written is sealed, and gone once the mail is out.
create table mails (
    place {bigint} not null,
    id {bytes} not null,
    person {bigint},
    sealed {bytes},
    state text not null,
    problem text,
    tries {bigint} not null default 0,
    created_at {bigint} not null,
    changed_at {bigint} not null,
    next_at {bigint} not null,
    good_until {bigint} not null,
    primary key (place, id)
){rowless};
create index mails_due on mails (next_at) where state = 'waiting';
create index mails_person on mails (place, person);
