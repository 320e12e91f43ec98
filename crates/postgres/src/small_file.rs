//! Small files on the node's machine that a URL, the environment or the node's directory names.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

/// More than any file of certificates or passwords has.
const BYTES_MAX: u64 = 1 << 20;

/// Reads a regular file of at most 1 MiB: a device would be read without end, a pipe waited for.
pub(crate) fn read(path: &Path) -> io::Result<(Metadata, Zeroizing<Vec<u8>>)> {
    regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    // Room for all of it, so that no copy of a secret is left behind when the buffer grows.
    let room = usize::try_from(metadata.len().min(BYTES_MAX)).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {BYTES_MAX} bytes")));
    }
    Ok((metadata, bytes))
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is no regular file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, b"abc").unwrap();
        assert_eq!(read(&file).unwrap().1.as_slice(), b"abc");
        fs::write(&file, vec![0; 1 << 20]).unwrap();
        assert_eq!(read(&file).unwrap().1.len(), 1 << 20);
        fs::write(&file, vec![0; (1 << 20) + 1]).unwrap();
        assert_eq!(read(&file).unwrap_err().to_string(), "it has more than 1048576 bytes");
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for endless in [Path::new("/dev/zero"), &pipe, directory.path()] {
            assert_eq!(read(endless).unwrap_err().to_string(), "it is no regular file");
        }
        assert_eq!(read(&directory.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
