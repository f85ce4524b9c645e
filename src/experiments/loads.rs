//! The loads that more than one experiment puts on servers.

use std::net::SocketAddr;

use anyhow::Context;
use client::load::{Extent, Load};

use crate::measure::cost::Cost;
use crate::measure::lab::{Lab, Window};
use crate::models::Contestant;
use crate::servers::floor::MESSAGE_SIZE;

/// The axis that says under which load something was measured.
pub(super) const LOAD: &str = "load";

/// A load: how many connections there are at a time, and how many messages each has.
#[derive(Debug)]
pub(super) struct NamedLoad {
    pub(super) name: &'static str,
    pub(super) connections: usize,
    messages_per_connection: Option<u64>,
}

/// One client after the other.
pub(super) const ONE_CLIENT: NamedLoad =
    NamedLoad { name: "1 client", connections: 1, messages_per_connection: Some(1) };

/// Many clients at once.
pub(super) const MANY_CLIENTS: NamedLoad =
    NamedLoad { name: "32 clients", connections: 32, messages_per_connection: Some(1) };

/// Messages over connections that stay.
pub(super) const WARM_CONNECTIONS: NamedLoad =
    NamedLoad { name: "50 warm connections", connections: 50, messages_per_connection: None };

impl NamedLoad {
    /// The load on a server.
    pub(super) fn load(&self, server: SocketAddr, extent: Extent) -> Load {
        Load {
            messages_per_connection: self.messages_per_connection,
            message_size: MESSAGE_SIZE,
            ..Load::strict(server, self.connections, extent)
        }
    }

    /// Puts the load on a new server, and takes off what the least of it costs. Blocks until then.
    pub(super) fn put(
        &self,
        lab: &Lab,
        contestant: &Contestant,
        window: Window,
    ) -> anyhow::Result<Cost> {
        let load = |server, extent| self.load(server, extent);
        lab.measure(contestant, window, load).context(self.name)
    }

    /// Whether its costs are those of messages, and not of connections.
    pub(super) fn is_of_messages(&self) -> bool {
        self.messages_per_connection.is_none()
    }
}
