-- What stands beside the nouns: how far each place is, its past, its trail, its events, and what
-- waits to be told or asked again.

-- How far a place is; the row every commit guards itself with. Place 0 is the directory.
-- Rows of `touched` at revisions up to `touched_from` have been trimmed.
create table heads (
    place {bigint} not null primary key,
    revision {bigint} not null,
    event_seq {bigint} not null default 0,
    trail_seq {bigint} not null,
    trail_hash {bytes} not null,
    touched_from {bigint} not null default 0
){rowless};

-- Which objects a commit wrote, for the other nodes: all of a noun from one number to another.
create table touched (
    place {bigint} not null,
    revision {bigint} not null,
    noun text not null,
    first {bigint} not null,
    last {bigint} not null,
    at {bigint} not null,
    primary key (place, revision, noun, first)
){rowless};

-- Which commits were stored, for whoever lost the connection while waiting to know.
create table commits (
    id {bytes} not null primary key,
    at {bigint} not null
){rowless};

-- What a change replaced, of the fields that decisions read; none of them is personal.
create table history (
    place {bigint} not null,
    noun text not null,
    number {bigint} not null,
    replaced_at {bigint} not null,
    revision {bigint} not null,
    fields text not null,
    primary key (place, noun, number, revision)
){rowless};
create index history_replaced on history (place, replaced_at);

-- The change trail; `hash` chains each row to the one before.
create table trail (
    place {bigint} not null,
    seq {bigint} not null,
    at {bigint} not null,
    actor_kind text not null,
    actor_id {bytes},
    verb text not null,
    noun text not null,
    object_id {bytes},
    fields text not null,
    detail text not null,
    revision {bigint} not null,
    hash {bytes} not null,
    primary key (place, seq)
){rowless};

-- What happened at locks, without who it was.
create table events (
    place {bigint} not null,
    seq {bigint} not null,
    id {bytes} not null,
    kind text not null,
    lock {bigint} not null,
    occurred_at {bigint} not null,
    received_at {bigint} not null,
    method text,
    reasons text not null,
    primary key (place, seq),
    unique (place, id)
){rowless};
create index events_lock on events (place, lock, seq);
create index events_occurred on events (place, occurred_at, seq);

-- Who it was. The instant is repeated so that forgetting is one range.
create table event_subjects (
    place {bigint} not null,
    seq {bigint} not null,
    occurred_at {bigint} not null,
    person {bigint},
    credential {bigint},
    grant_number {bigint},
    card_bits {bigint},
    card_value {bytes},
    primary key (place, seq)
){rowless};
create index event_subjects_occurred on event_subjects (place, occurred_at);
create index event_subjects_person on event_subjects (place, person, seq) where person is not null;

-- The outbox of the webhooks. A worker that claims a row raises `fence`; it may finish the row
-- only under the number it got.
create table deliveries (
    place {bigint} not null,
    id {bytes} not null,
    webhook {bigint} not null,
    event_id {bytes},
    seq {bigint},
    body text not null,
    state text not null,
    attempts text not null,
    created_at {bigint} not null,
    next_at {bigint} not null,
    lease_until {bigint} not null default 0,
    fence {bigint} not null default 0,
    primary key (place, id),
    foreign key (place, webhook) references webhooks (place, number)
){strict};
create index deliveries_due on deliveries (next_at) where state = 'waiting';
create index deliveries_webhook on deliveries (place, webhook, id);

-- Answers kept for `Idempotency-Key`.
create table answers (
    scope text not null,
    key text not null,
    request_hash {bytes} not null,
    status {bigint} not null,
    headers text not null,
    body {bytes} not null,
    created_at {bigint} not null,
    primary key (scope, key)
){strict};
create index answers_created on answers (created_at);

-- Stored results of work that reports per item.
create table operations (
    place {bigint} not null,
    id {bytes} not null,
    maker_kind text not null,
    maker_id {bytes},
    kind text not null,
    state text not null,
    body text not null,
    created_at {bigint} not null,
    primary key (place, id)
){strict};
