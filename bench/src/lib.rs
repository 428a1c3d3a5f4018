//! Figures of Claviger, printed; none is asserted. `scripts/bench` runs the two programs.
//!
//! Both sides of a ratio run in one process, alternating; what is shown is the best or the median.

pub mod building;
pub mod decisions;
pub mod http;
pub mod levels;
pub mod lists;
pub mod offline;
pub mod pages;
pub mod rows;
pub mod show;
pub mod start;
pub mod unloc;
pub mod world;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
