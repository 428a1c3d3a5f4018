//! One server per folder.

use std::process::Command;

use claviger_store::{FolderLock, StoreError, testing};

#[test]
fn a_folder_is_taken_once() {
    let folder = testing::folder();
    let lock = FolderLock::take(&folder).unwrap();
    let holder = std::process::id().to_string();
    let refused = FolderLock::take(&folder).unwrap_err();
    assert_eq!(refused, StoreError::Locked { folder: folder.clone(), holder: holder.clone() });
    assert!(refused.to_string().contains(&format!("another server (process {holder})")));
    let other = FolderLock::take(&testing::folder());
    assert!(other.is_ok(), "{other:?}");
    drop(lock);
    assert!(FolderLock::take(&folder).is_ok());
}

#[test]
fn a_child_process_does_not_inherit_the_lock() {
    let folder = testing::folder();
    let lock = FolderLock::take(&folder).unwrap();
    let mut child = Command::new("sleep").arg("30").spawn().unwrap();
    drop(lock);
    let again = FolderLock::take(&folder);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn a_missing_folder_is_named() {
    let folder = testing::folder().join("absent");
    let refused = FolderLock::take(&folder);
    assert!(matches!(refused, Err(StoreError::File { .. })), "{refused:?}");
}
