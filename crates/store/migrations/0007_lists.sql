-- Who comes first where a store has no room for all.
alter table credentials add column priority {bigint} not null default 0;

-- The lists that controllers keep: how far each is in talking with the server. Numbers of its own
-- requests (`seen_seq`, `answered_seq`) and events, the last version given to an item.
create table lists (
    place {bigint} not null,
    controller {bigint} not null,
    version {bigint} not null,
    seen_seq {bigint} not null,
    answered_seq {bigint} not null,
    event_seq {bigint} not null,
    seen_at {bigint},
    inventory_due {bigint} not null,
    primary key (place, controller),
    foreign key (place, controller) references controllers (place, number)
){rowless};

-- What each list holds or may hold: what was confirmed, what was sent since, and what the
-- controller last refused. `confirmed` and `sent` are JSON: which locks an item opens and when,
-- never a PIN or code. `of_place` and `number` say which record it is of.
create table list_items (
    place {bigint} not null,
    controller {bigint} not null,
    kind text not null,
    item {bytes} not null,
    of_place {bigint} not null,
    number {bigint} not null,
    confirmed text,
    sent text,
    failure text,
    primary key (place, controller, kind, item),
    foreign key (place, controller) references lists (place, controller)
){rowless};

-- Rights that were taken back while some list held them, one row for each such command. `body` is
-- JSON: the items and locks of each list, and the grants.
create table revocations (
    place {bigint} not null,
    revision {bigint} not null,
    id {bytes} not null,
    at {bigint} not null,
    cause text not null,
    body text not null,
    settled_at {bigint},
    primary key (place, revision)
){rowless};
create unique index revocations_id on revocations (place, id);
