-- When each controller last had no more to tell of what happened: of what is known so far, when it
-- last called.
alter table lists add column told_at {bigint};
update lists set told_at = seen_at;

-- Nothing asks which answer carried something.
alter table lists drop column answered_seq;
