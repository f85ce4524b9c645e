//! How messages are told apart in a stream of bytes.

use std::fmt;
use std::str::FromStr;

/// How messages are told apart in a stream of bytes.
///
/// ```
/// use protocol::Framing;
/// assert_eq!("raw".parse(), Ok(Framing::Raw));
/// assert_eq!(Framing::default().to_string(), "line");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A message ends with `\n`, so `nc` and `telnet` are clients.
    #[default]
    Line,
    /// What one read returns is one message, as in the Python tutorial.
    Raw,
}

impl Framing {
    /// The names that [`FromStr`] accepts and [`Display`](fmt::Display) writes.
    pub const NAMES: [&'static str; 2] = ["line", "raw"];

    /// What a sender puts behind the text of a message.
    ///
    /// ```
    /// use protocol::Framing;
    /// assert_eq!("line".parse(), Ok(Framing::Line));
    /// assert_eq!((Framing::Line.line_end(), Framing::Raw.line_end()), ("\n", ""));
    /// ```
    pub fn line_end(self) -> &'static str {
        match self {
            Framing::Line => "\n",
            Framing::Raw => "",
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Framing::Line => "line",
            Framing::Raw => "raw",
        })
    }
}

/// The name is not one of [`Framing::NAMES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown framing {0:?}: it is `line` or `raw`")]
pub struct UnknownFraming(String);

impl FromStr for Framing {
    type Err = UnknownFraming;

    fn from_str(name: &str) -> Result<Self, UnknownFraming> {
        match name {
            "line" => Ok(Framing::Line),
            "raw" => Ok(Framing::Raw),
            _ => Err(UnknownFraming(name.to_owned())),
        }
    }
}
