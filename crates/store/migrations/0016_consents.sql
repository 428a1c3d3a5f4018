-- Programs that people let act for them: where people are sent back to, and what a ticket of such a
-- program stands for.

alter table clients add column redirect_uris text;
alter table tickets add column via text;
alter table tickets add column scope text;
alter table tickets add column code {bigint};
alter table tickets add column redirect_uri text;
alter table tickets add column challenge {bytes};
alter table tickets add column used {bigint} not null default 0;
alter table tickets add column person {bigint};

-- Who vouches, by signed tokens, for people whom a place knows by an identity.
alter table places add column identity_providers text;
