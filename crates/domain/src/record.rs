//! One numbered record of any noun: what commands write, storage keeps and other nodes read again.

use std::sync::Arc;

use crate::ids::Noun;
use crate::noun::Header;
use crate::noun::access_level::{AccessLevel, Membership};
use crate::noun::account::{Account, Ticket};
use crate::noun::client::Client;
use crate::noun::controller::Controller;
use crate::noun::credential::Credential;
use crate::noun::grant::Grant;
use crate::noun::lock::{Lock, Share};
use crate::noun::person::Person;
use crate::noun::place::{Organization, Place};
use crate::noun::schedule::Schedule;
use crate::noun::webhook::Webhook;

macro_rules! records {
    ($($noun:ident)*) => {
        /// A whole record as it stands after a write.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Record { $($noun(Arc<$noun>),)* }

        impl Record {
            /// What every record has.
            #[must_use]
            pub fn header(&self) -> &Header {
                match self { $(Record::$noun(it) => &it.header,)* }
            }

            /// What every record has, to be stamped by the command that writes it.
            pub(crate) fn header_mut(&mut self) -> &mut Header {
                match self { $(Record::$noun(it) => &mut Arc::make_mut(it).header,)* }
            }

            /// Which noun it is.
            #[must_use]
            pub fn noun(&self) -> Noun {
                match self { $(Record::$noun(_) => Noun::$noun,)* }
            }
        }

        $(
            impl From<$noun> for Record {
                fn from(it: $noun) -> Record { Record::$noun(Arc::new(it)) }
            }

            impl From<Arc<$noun>> for Record {
                fn from(it: Arc<$noun>) -> Record { Record::$noun(it) }
            }
        )*
    };
}

records! {
    Organization Place Account Client Ticket
    Person Credential Controller Lock Share AccessLevel Membership Schedule Grant Webhook
}
