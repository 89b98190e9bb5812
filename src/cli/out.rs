//! Writes to standard output and standard error. A reader that has closed its end of a pipe (`| head`) is not an error.

use std::io::{self, Write};

/// Writes a text to standard output.
///
/// # Errors
/// Returns the reason if standard output can't be written, such as on a full disk.
pub(super) fn print(text: &str) -> Result<(), String> {
    write(&mut io::stdout().lock(), text.as_bytes()).map_err(|e| format!("can't write to standard output: {e}"))
}

/// Writes a text to standard error. A failure to do so is ignored.
pub(super) fn error(text: &str) {
    let _ = write(&mut io::stderr().lock(), text.as_bytes());
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        assert!(write(&mut Broken(io::ErrorKind::BrokenPipe), b"x").is_ok());
        assert!(write(&mut Broken(io::ErrorKind::StorageFull), b"x").is_err());
    }
}
