//! What a message asks of the server.

/// What a message asks of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Send this message back as it came, its line end included.
    Echo(&'a str),
    /// Close the connection without an answer.
    Bye,
    /// Panic in the handler, to show what a panic costs in this model.
    Panic,
    /// Abort the handler's process, to show what that costs in this model.
    Abort,
}

impl<'a> Request<'a> {
    /// Reads one message, as a [`Decoder`](crate::Decoder) returned it.
    ///
    /// `Panic` and `Abort` are requests only where `allow_crash` is set, and plain text elsewhere.
    ///
    /// ```
    /// use protocol::Request;
    /// assert_eq!(Request::parse("Bye\r\n", false), Request::Bye);
    /// assert_eq!(Request::parse("Bye!\n", false), Request::Echo("Bye!\n"));
    /// assert_eq!(Request::parse("Panic\n", false), Request::Echo("Panic\n"));
    /// assert_eq!(Request::parse("Panic\n", true), Request::Panic);
    /// assert_eq!(Request::parse("Abort\n", false), Request::Echo("Abort\n"));
    /// assert_eq!(Request::parse("Abort\n", true), Request::Abort);
    /// ```
    pub fn parse(message: &'a str, allow_crash: bool) -> Self {
        let line = message.strip_suffix('\n').unwrap_or(message);
        match line.strip_suffix('\r').unwrap_or(line) {
            "Bye" => Request::Bye,
            "Panic" if allow_crash => Request::Panic,
            "Abort" if allow_crash => Request::Abort,
            _ => Request::Echo(message),
        }
    }
}
