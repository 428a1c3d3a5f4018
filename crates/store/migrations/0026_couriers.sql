-- Whether phones of a place carry the lists of all its locks with no network.

alter table places add column courier_mode {bigint} not null default 0;
