-- Facts about the database as a whole, such as the id of this installation.
create table meta (
    key text not null primary key,
    value text not null
){rowless};
