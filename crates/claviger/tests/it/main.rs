//! The real binary on temporary folders: what an operator types, sees and gets.

mod backup;
mod client;
mod import;
mod run;
mod serve;
mod setup;
