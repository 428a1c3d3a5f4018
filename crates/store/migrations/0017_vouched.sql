-- What tells the identity and the provider's key by which somebody was vouched for from any other.

alter table tickets add column word {bytes};
