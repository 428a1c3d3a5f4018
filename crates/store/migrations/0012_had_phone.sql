-- Whether a deleted person had a phone number. Of those deleted before this nobody can say: they
-- stay shown as they were.

alter table people add column had_phone {bigint} not null default 0;
update people set had_phone = 1 where deleted_at is not null;
