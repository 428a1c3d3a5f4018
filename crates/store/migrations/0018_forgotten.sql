-- Up to when what happened is to be told of a person no more, also where it is told late.
alter table people add column forgotten_at {bigint};

-- The keys of a device, which are emptied when it is deleted, whoever's locks they are for.
create index issued_keys_device on issued_keys (of_place, device);
