-- Webhooks have names and headers of their own, pass over what comes in late, hear of results of
-- whoever made them, and say why they are disabled. Who made those that are there is not on record
-- beside them; of results they heard nothing.

alter table webhooks add column name text;
alter table webhooks add column headers {bytes};
alter table webhooks add column told_within_s {bigint};
alter table webhooks add column failures_only {bigint} not null default 0;
alter table webhooks add column maker_kind text not null default 'system';
alter table webhooks add column maker_id {bytes};
alter table webhooks add column disabled_reason text;
update webhooks set disabled_reason = 'failing' where disabled_at is not null;
