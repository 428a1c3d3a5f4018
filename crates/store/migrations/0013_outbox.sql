-- Deliveries are claimed for one webhook at a time, so that one that never answers holds up no
-- other.

drop index deliveries_due;
create index deliveries_due on deliveries (place, webhook, next_at) where state = 'waiting';
