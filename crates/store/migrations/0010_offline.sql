-- Locks with no network: what was signed for each, and what it has shown under its MAC. `secret` is
-- sealed. `floors` and `tops` are a number for each class; `unknown` and `logs` are JSON.
create table offline_locks (
    place {bigint} not null,
    lock {bigint} not null,
    id {bytes} not null,
    public_key {bytes} not null,
    secret {bytes} not null,
    epoch {bigint} not null,
    keys_from {bigint} not null,
    version {bigint} not null,
    refusing {bigint} not null,
    iat {bigint} not null,
    list {bytes} not null,
    list_limit {bigint},
    floors text not null,
    tops text not null,
    told_epoch {bigint},
    told_version {bigint},
    told_at {bigint},
    unknown text,
    logs text,
    certificate {bytes} not null,
    epoch_due {bigint} not null,
    list_due {bigint} not null,
    primary key (place, lock),
    foreign key (place, lock) references locks (place, number)
){strict};

-- Keys that were signed, each for one grant and one device at one lock. `times` is JSON; `bytes` is
-- the key itself until its device has said that it holds it.
create table issued_keys (
    place {bigint} not null,
    lock {bigint} not null,
    class text not null,
    serial {bigint} not null,
    epoch {bigint} not null,
    of_place {bigint} not null,
    grant_number {bigint} not null,
    device {bigint} not null,
    of_lock {bigint} not null,
    iat {bigint} not null,
    exp {bigint} not null,
    min_list {bigint} not null,
    flags {bigint} not null,
    times text not null,
    holder {bytes} not null,
    bytes {bytes} not null,
    refused {bigint} not null,
    owed {bigint} not null,
    primary key (place, lock, class, serial),
    foreign key (place, lock) references offline_locks (place, lock)
){strict};
create index issued_keys_end on issued_keys (place, exp);

-- Devices that were enrolled: by which secret each is known when it calls.
create table devices (
    place {bigint} not null,
    credential {bigint} not null,
    token {bytes} not null,
    enrolled_at {bigint} not null,
    primary key (place, credential),
    foreign key (place, credential) references credentials (place, number)
){rowless};
create unique index devices_token on devices (token);
