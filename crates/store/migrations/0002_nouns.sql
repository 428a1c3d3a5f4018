-- The nouns, one table each, all with the same eight columns first.
--
-- Primary and foreign keys start with the place, so no row can point over the fence; the
-- directory's nouns (organizations, accounts, clients, tickets) stand in place 0, a place under
-- its own number. Numbers are never given twice: whatever removes rows for good must leave the
-- highest of each place. Deleted rows stay, emptied. Instants are microseconds since 1970, flags
-- 0 or 1, lists JSON or words with a space between.

-- Who runs Claviger for some places.
create table organizations (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    name text not null,
    primary key (place, number),
    unique (place, id),
    unique (number),
    check (place = 0)
){rowless};
create unique index organizations_external on organizations (place, external_id)
    where external_id is not null and deleted_at is null;

-- The unit of administration and isolation.
create table places (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    organization {bigint} not null,
    parent {bigint},
    name text not null,
    zone text not null,
    retention_days {bigint} not null,
    retention_reason text,
    language text not null,
    metadata text,
    primary key (place, number),
    unique (place, id),
    unique (number),
    check (place = number),
    foreign key (organization) references organizations (number),
    foreign key (parent) references places (number)
){rowless};

-- Global log-ins.
create table accounts (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    email text,
    phone text,
    proven_at {bigint},
    password text,
    primary key (place, number),
    unique (place, id),
    unique (number),
    check (place = 0)
){rowless};
create unique index accounts_external on accounts (place, external_id)
    where external_id is not null and deleted_at is null;

-- Named timetables.
create table schedules (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    name text not null,
    definition text not null,
    primary key (place, number),
    unique (place, id)
){rowless};
create unique index schedules_external on schedules (place, external_id)
    where external_id is not null and deleted_at is null;
create index schedules_deleted on schedules (place, deleted_at) where deleted_at is not null;

-- What connects locks.
create table controllers (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    name text not null,
    capacity {bigint},
    settings text,
    primary key (place, number),
    unique (place, id)
){rowless};
create unique index controllers_external on controllers (place, external_id)
    where external_id is not null and deleted_at is null;
create index controllers_deleted on controllers (place, deleted_at) where deleted_at is not null;

-- Programs.
create table clients (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    organization {bigint} not null,
    name text not null,
    kind text not null,
    secret {bytes} not null,
    previous_secret {bytes},
    previous_until {bigint},
    scopes text not null,
    places text not null,
    controller_place {bigint},
    controller {bigint},
    expires_at {bigint},
    primary key (place, number),
    unique (place, id),
    unique (number),
    check (place = 0),
    foreign key (organization) references organizations (number),
    foreign key (controller_place, controller) references controllers (place, number)
){rowless};
create unique index clients_external on clients (place, external_id)
    where external_id is not null and deleted_at is null;

-- Access tokens, sessions and one-time secrets, known by their SHA-256 only.
create table tickets (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    kind text not null,
    hash {bytes} not null,
    client {bigint},
    account {bigint},
    for_place {bigint},
    scopes text not null,
    email text,
    expires_at {bigint} not null,
    primary key (place, number),
    unique (place, id),
    check (place = 0),
    foreign key (client) references clients (number),
    foreign key (account) references accounts (number),
    foreign key (for_place) references places (number)
){rowless};
create unique index tickets_external on tickets (place, external_id)
    where external_id is not null and deleted_at is null;

-- How one place knows a human.
create table people (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    first_name text,
    last_name text,
    display_name text,
    email text,
    phone text,
    identity_provider text,
    identity_subject text,
    identity_identifier text,
    employee_number text,
    language text,
    tags text,
    note text,
    metadata text,
    role text not null,
    state text not null,
    account {bigint},
    primary key (place, number),
    unique (place, id),
    foreign key (account) references accounts (number)
){rowless};
create unique index people_external on people (place, external_id)
    where external_id is not null and deleted_at is null;
create index people_deleted on people (place, deleted_at) where deleted_at is not null;

-- What is presented at a lock. Digits are sealed; a PIN's tag is never stored.
create table credentials (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    person {bigint},
    kind text not null,
    label text,
    parts text,
    code_sealed {bytes},
    code_tag {bytes},
    pin_sealed {bytes},
    public_key {bytes},
    valid_from {bigint},
    valid_until {bigint},
    state text not null,
    start_within_s {bigint},
    log_off_after_s {bigint},
    is_admin {bigint} not null,
    contact text,
    primary key (place, number),
    unique (place, id),
    foreign key (place, person) references people (place, number)
){rowless};
create unique index credentials_external on credentials (place, external_id)
    where external_id is not null and deleted_at is null;
create index credentials_deleted on credentials (place, deleted_at) where deleted_at is not null;

-- Doors, gates, cabinets, machines; and the borrowed ones, whose owner's row is named.
create table locks (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    owner_place {bigint},
    owner_lock {bigint},
    name text not null,
    description text,
    model text,
    mode text not null,
    posture text not null,
    pin text not null,
    pin_schedule {bigint},
    pin_timetable text,
    unlock_schedule {bigint},
    unlock_timetable text,
    privacy text not null,
    when_unrecorded text not null,
    zone text,
    controller {bigint},
    capacity_unit text,
    capacity {bigint},
    capabilities text,
    metadata text,
    battery_percent {bigint},
    last_seen_at {bigint},
    primary key (place, number),
    unique (place, id),
    foreign key (owner_place, owner_lock) references locks (place, number),
    foreign key (place, pin_schedule) references schedules (place, number),
    foreign key (place, unlock_schedule) references schedules (place, number),
    foreign key (place, controller) references controllers (place, number)
){rowless};
create unique index locks_external on locks (place, external_id)
    where external_id is not null and deleted_at is null;
create index locks_deleted on locks (place, deleted_at) where deleted_at is not null;

-- Named sets of locks.
create table access_levels (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    name text not null,
    description text,
    schedule {bigint},
    timetable text,
    api_enabled {bigint} not null,
    allow_sharing {bigint} not null,
    metadata text,
    primary key (place, number),
    unique (place, id),
    foreign key (place, schedule) references schedules (place, number)
){rowless};
create unique index access_levels_external on access_levels (place, external_id)
    where external_id is not null and deleted_at is null;
create index access_levels_deleted on access_levels (place, deleted_at)
    where deleted_at is not null;

-- Offers of a lock to another place, kept at the owner.
create table shares (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    lock {bigint} not null,
    to_place {bigint} not null,
    state text not null,
    as_lock {bigint},
    closed_at {bigint},
    closed_by_kind text,
    closed_by_id {bytes},
    closed_reason text,
    primary key (place, number),
    unique (place, id),
    foreign key (place, lock) references locks (place, number),
    foreign key (to_place) references places (number),
    foreign key (to_place, as_lock) references locks (place, number)
){rowless};
create unique index shares_external on shares (place, external_id)
    where external_id is not null and deleted_at is null and closed_at is null;
create index shares_closed on shares (place, closed_at) where closed_at is not null;

-- One lock's time in one level.
create table memberships (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    level {bigint} not null,
    lock {bigint} not null,
    closed_at {bigint},
    closed_by_kind text,
    closed_by_id {bytes},
    closed_reason text,
    primary key (place, number),
    unique (place, id),
    foreign key (place, level) references access_levels (place, number),
    foreign key (place, lock) references locks (place, number)
){rowless};
create unique index memberships_external on memberships (place, external_id)
    where external_id is not null and deleted_at is null and closed_at is null;
create index memberships_level on memberships (place, level, number);
create index memberships_closed on memberships (place, closed_at) where closed_at is not null;

-- The one edge: person or credential to lock or level. It has no foreign keys, because engines
-- check them row by row: each commit looks up once what all its new grants point at, and a restore
-- looks at all tables.
create table grants (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    person {bigint},
    credential {bigint},
    lock {bigint},
    level {bigint},
    allows text not null,
    valid_from {bigint},
    valid_until {bigint},
    schedule {bigint},
    timetable text,
    override_lockdown {bigint} not null,
    source_kind text not null,
    source_via text not null,
    issued_under {bigint},
    metadata text,
    closed_at {bigint},
    closed_by_kind text,
    closed_by_id {bytes},
    closed_reason text,
    primary key (place, number),
    unique (place, id),
    check ((person is null) <> (credential is null)),
    check ((lock is null) <> (level is null))
){rowless};
create unique index grants_external on grants (place, external_id)
    where external_id is not null and deleted_at is null and closed_at is null;
create index grants_closed on grants (place, closed_at) where closed_at is not null;
create index grants_closed_person on grants (place, person, number)
    where closed_at is not null and person is not null;
create index grants_closed_credential on grants (place, credential, number)
    where closed_at is not null and credential is not null;
create index grants_closed_lock on grants (place, lock, number)
    where closed_at is not null and lock is not null;
create index grants_closed_level on grants (place, level, number)
    where closed_at is not null and level is not null;

-- Who wants to hear of events.
create table webhooks (
    place {bigint} not null,
    number {bigint} not null,
    id {bytes} not null,
    external_id text,
    created_at {bigint} not null,
    updated_at {bigint} not null,
    revision {bigint} not null,
    deleted_at {bigint},
    url text not null,
    events text not null,
    locks text not null,
    format text not null,
    secret {bytes} not null,
    previous_secret {bytes},
    previous_until {bigint},
    failing_since {bigint},
    disabled_at {bigint},
    primary key (place, number),
    unique (place, id)
){rowless};
create unique index webhooks_external on webhooks (place, external_id)
    where external_id is not null and deleted_at is null;
create index webhooks_deleted on webhooks (place, deleted_at) where deleted_at is not null;
