//! The tables as a backup knows them: parents before children, every column by name.
//!
//! A test compares this with the schema; a migration that adds a table or column adds it here too.

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// Its columns, with a space between.
    pub(super) columns: &'static str,
    /// Columns that point at rows of the same table, set when all rows are there.
    pub(super) later: &'static str,
    /// Columns, the table they point at, and the columns there; foreign keys but for `grants`.
    pub(super) references: &'static [(&'static str, &'static str, &'static str)],
}

/// Not among them: `schema_history`, which migrating writes; `commits`, which only the running
/// server asks; the events as they are filed, which a server makes from the events; and mails,
/// which a restored server must not send a second time.
#[cfg(test)]
pub(super) const LEFT_OUT: [&str; 6] =
    ["schema_history", "commits", "event_filing", "event_locks", "event_people", "mails"];

/// All tables that a backup holds.
pub(super) const TABLES: &[Table] = &[
    Table { name: "meta", columns: "key value", later: "", references: &[] },
    Table {
        name: "organizations",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            name",
        later: "",
        references: &[],
    },
    Table {
        name: "places",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            organization parent name zone retention_days retention_reason language \
            metadata default_privacy used_for held_until identity_providers courier_mode",
        later: "parent",
        references: &[("organization", "organizations", "number"), ("parent", "places", "number")],
    },
    Table {
        name: "accounts",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            email phone proven_at password",
        later: "",
        references: &[],
    },
    Table {
        name: "schedules",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            name definition",
        later: "",
        references: &[],
    },
    Table {
        name: "controllers",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            name capacity settings",
        later: "",
        references: &[],
    },
    Table {
        name: "clients",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            organization name kind secret previous_secret previous_until scopes \
            places controller_place controller expires_at redirect_uris",
        later: "",
        references: &[
            ("organization", "organizations", "number"),
            ("controller_place controller", "controllers", "place number"),
        ],
    },
    Table {
        name: "tickets",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            kind hash client account for_place scopes email expires_at via scope code \
            redirect_uri challenge used person word",
        later: "",
        references: &[
            ("client", "clients", "number"),
            ("account", "accounts", "number"),
            ("for_place", "places", "number"),
        ],
    },
    Table {
        name: "people",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            first_name last_name display_name email phone identity_provider \
            identity_subject identity_identifier employee_number language tags note \
            metadata role state account had_phone held_until forgotten_at \
            invited_at",
        later: "",
        references: &[("account", "accounts", "number")],
    },
    Table {
        name: "credentials",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            person kind label parts code_sealed code_tag pin_sealed public_key \
            valid_from valid_until state start_within_s log_off_after_s is_admin \
            contact priority",
        later: "",
        references: &[("place person", "people", "place number")],
    },
    Table {
        name: "locks",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            owner_place owner_lock name description model mode posture pin \
            pin_schedule pin_timetable unlock_schedule unlock_timetable privacy \
            when_unrecorded zone controller capacity_unit capacity capabilities \
            metadata battery_percent last_seen_at",
        later: "owner_place owner_lock",
        references: &[
            ("owner_place owner_lock", "locks", "place number"),
            ("place pin_schedule", "schedules", "place number"),
            ("place unlock_schedule", "schedules", "place number"),
            ("place controller", "controllers", "place number"),
        ],
    },
    Table {
        name: "access_levels",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            name description schedule timetable api_enabled allow_sharing metadata",
        later: "",
        references: &[("place schedule", "schedules", "place number")],
    },
    Table {
        name: "shares",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            lock to_place state as_lock closed_at closed_by_kind closed_by_id \
            closed_reason",
        later: "",
        references: &[
            ("place lock", "locks", "place number"),
            ("to_place", "places", "number"),
            ("to_place as_lock", "locks", "place number"),
        ],
    },
    Table {
        name: "memberships",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            level lock closed_at closed_by_kind closed_by_id closed_reason",
        later: "",
        references: &[
            ("place level", "access_levels", "place number"),
            ("place lock", "locks", "place number"),
        ],
    },
    Table {
        name: "grants",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            person credential lock level allows valid_from valid_until schedule \
            timetable override_lockdown source_kind source_via issued_under metadata \
            closed_at closed_by_kind closed_by_id closed_reason",
        later: "issued_under",
        references: &[
            ("place person", "people", "place number"),
            ("place credential", "credentials", "place number"),
            ("place lock", "locks", "place number"),
            ("place level", "access_levels", "place number"),
            ("place schedule", "schedules", "place number"),
            ("place issued_under", "grants", "place number"),
        ],
    },
    Table {
        name: "offline_locks",
        columns: "place lock id public_key secret epoch keys_from version refusing iat list \
            list_limit floors tops told_epoch told_version told_at unknown logs certificate \
            epoch_due list_due ahead_epoch ahead_version gap_since mark_log mark_next mark_at \
            known_before signed told_iat former_secret",
        later: "",
        references: &[("place lock", "locks", "place number")],
    },
    Table { name: "issuers", columns: "place generation certificate", later: "", references: &[] },
    Table {
        name: "issued_keys",
        columns: "place lock class serial epoch of_place grant_number device of_lock iat exp \
            min_list flags times holder bytes refused owed erasure",
        later: "",
        references: &[("place lock", "offline_locks", "place lock")],
    },
    Table {
        name: "devices",
        columns: "place credential token enrolled_at seen_at",
        later: "",
        references: &[("place credential", "credentials", "place number")],
    },
    Table {
        name: "webhooks",
        columns: "place number id external_id created_at updated_at revision deleted_at \
            url events locks format secret previous_secret previous_until \
            failing_since disabled_at name headers told_within_s failures_only maker_kind \
            maker_id disabled_reason",
        later: "",
        references: &[],
    },
    Table {
        name: "lists",
        columns: "place controller version seen_seq event_seq seen_at inventory_due \
            told_at",
        later: "",
        references: &[("place controller", "controllers", "place number")],
    },
    Table {
        name: "list_items",
        columns: "place controller kind item of_place number confirmed sent failure",
        later: "",
        references: &[("place controller", "lists", "place controller")],
    },
    Table {
        name: "revocations",
        columns: "place revision id at cause body settled_at",
        later: "",
        references: &[],
    },
    Table {
        name: "heads",
        columns: "place revision event_seq trail_seq trail_hash touched_from",
        later: "",
        references: &[],
    },
    Table {
        name: "touched",
        columns: "place revision noun first last at",
        later: "",
        references: &[],
    },
    Table {
        name: "history",
        columns: "place noun number replaced_at revision fields",
        later: "",
        references: &[],
    },
    Table {
        name: "trail",
        columns: "place seq at actor_kind actor_id verb noun object_id fields detail \
            revision hash",
        later: "",
        references: &[],
    },
    Table {
        name: "reasons",
        columns: "place seq at noun number person credential words",
        later: "",
        references: &[],
    },
    Table {
        name: "events",
        columns: "place seq id kind lock occurred_at received_at method reasons hidden",
        later: "",
        references: &[],
    },
    Table {
        name: "event_subjects",
        columns: "place seq occurred_at person credential grant_number card_bits \
            card_value stand_in",
        later: "",
        references: &[],
    },
    Table {
        name: "deliveries",
        columns: "place id webhook event_id seq body state attempts created_at next_at \
            lease_until fence",
        later: "",
        references: &[("place webhook", "webhooks", "place number")],
    },
    Table {
        name: "answers",
        columns: "scope key request_hash status headers body created_at",
        later: "",
        references: &[],
    },
    Table {
        name: "operations",
        columns: "place id maker_kind maker_id kind state body created_at",
        later: "",
        references: &[],
    },
];
