-- What becomes of a key on the card that holds it: none, due or done. A right of a card may be
-- taken back so that its keys are erased when the card is next written, and no list refuses them.
alter table issued_keys add column erasure text not null default 'none';
