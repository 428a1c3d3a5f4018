//! What Claviger shows over HTTP: the native API and the pages that describe it.
//!
//! Decodes a request, makes one call, encodes the answer. Knows no rule of access and never sees
//! the store or SQL.

// Handlers use what stands here; what none of them uses is found by taking these two lines away.
#[allow(dead_code, unused_imports, unused_macros)]
mod api;
#[allow(dead_code, unused_imports, unused_macros)]
mod docs;
