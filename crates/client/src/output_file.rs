//! A file that is written in one piece or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// A file to write at the end of a long work. What the name holds stays until then: the new text is
/// written beside it and takes its name in one step.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    /// Whether the name is that of a device or a pipe, which is written as it stands.
    is_special: bool,
}

impl OutputFile {
    /// Prepares to write `path`, or says at once why it cannot be written. Leaves nothing there.
    ///
    /// # Errors
    ///
    /// When its directory is not there or takes no new file, or it is a directory itself.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let is_special = fs::metadata(path).is_ok_and(|it| !it.is_file());
        // A symbolic link stays one: what it points to is written.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let file = OutputFile { path, is_special };
        let attempt = match is_special {
            true => OpenOptions::new().write(true).open(&file.path).map(drop),
            false => file.beside().map(drop),
        };
        attempt.with_context(|| file.cannot())?;
        Ok(file)
    }

    /// Writes the text, in the place of what the name held.
    ///
    /// # Errors
    ///
    /// When the file cannot be written any more.
    pub fn write(self, text: &str) -> anyhow::Result<()> {
        let write = || match self.is_special {
            true => fs::write(&self.path, text),
            false => {
                let mut file = self.beside()?;
                file.write_all(text.as_bytes())?;
                Ok(file.persist(&self.path).map(drop)?)
            }
        };
        write().with_context(|| self.cannot())
    }

    /// A new file in the same directory, which others may read unless the user's mask says no.
    fn beside(&self) -> io::Result<NamedTempFile> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mode = Permissions::from_mode(0o666);
        let directory = parent.unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().permissions(mode).tempfile_in(directory);
        // Without the name of the temporary file, which says nothing to a user.
        file.map_err(|error| error.kind().into())
    }

    fn cannot(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_stays_until_the_new_one_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("figures.json");
        fs::write(&path, "old").unwrap();
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let file = OutputFile::create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        file.write("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_told_at_once() {
        let directory = tempfile::tempdir().unwrap();
        assert!(OutputFile::create(directory.path()).is_err());
        assert!(OutputFile::create(Path::new("/nowhere/figures.json")).is_err());
    }

    #[test]
    fn a_device_is_written_and_stays_a_device() {
        OutputFile::create(Path::new("/dev/null")).unwrap().write("text").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let [path, link] = ["figures.json", "link"].map(|name| directory.path().join(name));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink("figures.json", &link).unwrap();
        OutputFile::create(&link).unwrap().write("new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
}
