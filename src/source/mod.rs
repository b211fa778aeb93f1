//! Sources on the controller: fetch, verify, unpack, patch, repack.
