//! Every way in which a server is broken here, a sentence each. How it is done is told by `who`, `what`, `when` and
//! `ways`.

/// Makes the enum and its table of one list, so that nothing is forgotten.
macro_rules! faults {
    ($( $(#[doc = $text:literal])+ $name:ident ),+ $(,)?) => {
        /// See the module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $( $(#[doc = $text])+ $name ),+ }

        impl Fault {
            pub const ALL: &[Fault] = &[$(Fault::$name),+];

            /// What is wrong with the server.
            pub fn told(self) -> String {
                let text = match self { $(Fault::$name => concat!($($text),+)),+ };
                text.trim().to_owned()
            }
        }
    };
}

faults! {
    // Who gets a message.
    /// A group's messages reach the next group, too.
    LeakToNextGroup,
    /// A group's messages reach everybody who speaks V2.
    LeakToAllV2,
    /// A group's messages reach everybody who speaks V3.
    LeakToAllV3,
    /// A direct message reaches the addressee's whole group.
    DirectToGroup,
    /// A direct message reaches one of two tabs with the same id.
    DirectToOneTab,
    /// A direct message reaches nobody in another group.
    DirectWithinGroup,
    /// A broadcast reaches the sender's group alone.
    BroadcastToOwnGroup,
    /// A broadcast does not reach V2.
    BroadcastWithoutV2,
    /// A direct message does not reach V2.
    DirectWithoutV2,
    /// A direct message reaches all whose id begins with the addressee's.
    DirectByPrefix,
    /// A group message with an addressee reaches nobody else.
    AddresseeAlone,
    /// A direct message to one who is away is kept for the return.
    DirectKept,
    /// An echo reaches the sender's whole group.
    EchoToGroup,
    /// A heartbeat reaches the sender's whole group.
    HeartbeatToGroup,
    /// A heartbeat is not answered.
    HeartbeatUnanswered,
    /// The sender of a group message does not get it.
    SenderLeftOut,
    /// Errors reach the sender's whole group.
    ErrorsToGroup,
    /// Errors are swallowed.
    ErrorsSwallowed,
    /// After an error the connection is closed.
    ErrorCloses,
    /// A second connection of an id takes everything from the first, which is not told.
    SecondTakesAll,
    /// A second connection of an id is refused.
    SecondRefused,
    /// A second connection of an id ends the first.
    SecondEndsFirst,
    /// Two tabs of an id in one group hear everything twice.
    TabsHearTwice,
    /// When one of two tabs goes, the other hears no direct message any more.
    GoneTakesId,
    /// When one goes, nobody in its group hears anything any more.
    GoneTakesGroup,
    /// For a moment after it was let in, a client hears nothing.
    DeafAtFirst,
    /// The first message of a client that came back is lost.
    FirstOfReturnLost,
    /// V2 frames do not reach V3.
    BridgeOneWay,
    /// V3 messages do not reach V2.
    BridgeOtherWay,
    /// V2 clients are told who comes and goes.
    PresenceToV2,
    /// Nobody is told who else comes.
    JoinsLost,
    /// Nobody is told who goes.
    LeavesLost,
    /// A client goes as soon as one of its two tabs does.
    LeaveOfOneTab,
    /// Who comes is told twice.
    JoinsTwice,
    /// Other groups are told who comes and goes.
    PresenceToOthers,
    /// Who comes gets the group's latest message, however old.
    OldForNewcomers,

    // When, and how often.
    /// Of every ten messages to a client the fifth and the sixth change places.
    Reordered,
    /// A longer message is overtaken by shorter ones.
    LongOnesLate,
    /// Every 50th message to a client is lost.
    Every50thLost,
    /// The last message of more than ten waits for the next one.
    LastNotFlushed,
    /// Every tenth message to a client comes twice.
    Every10thTwice,
    /// A message equal to the one before is lost.
    EqualOnesLost,
    /// An empty message is lost.
    EmptyOnesLost,

    // What it looks like.
    /// The client's own `from_id` is believed.
    FromIdBelieved,
    /// The client's own `group_id` is believed.
    GroupIdBelieved,
    /// The client's own `sent_at` is believed.
    SentAtBelieved,
    /// The client's own `version` is believed.
    VersionBelieved,
    /// `from_id` is missing.
    FromIdMissing,
    /// `group_id` is missing.
    GroupIdMissing,
    /// `to_id` is missing.
    ToIdMissing,
    /// `version` is missing.
    VersionMissing,
    /// `version` is a number.
    VersionNumber,
    /// `sent_at` is missing.
    SentAtMissing,
    /// `sent_at` does not say that it is UTC.
    SentAtWithoutZone,
    /// A command is called a message.
    CommandAsMessage,
    /// A payload without members is left out.
    EmptyPayloadLost,
    /// Members that V3 does not know are passed on.
    UnknownMembersKept,
    /// Members without a value are written as `null`.
    NullsWritten,
    /// V2 frames are parsed and written again: 1.10 becomes 1.1, keys change places, equal ones are gone.
    V2Reencoded,
    /// V3 messages are parsed and written again.
    V3Reencoded,
    /// Characters beyond ASCII are written as escapes.
    NonAsciiEscaped,
    /// Slashes are written as escapes.
    SlashesEscaped,
    /// Signs that mean something in HTML are written as entities.
    HtmlEscaped,
    /// NUL characters are left out.
    NulLost,
    /// Bytes of V2 come to V3 in the other alphabet of base64, without its padding.
    OtherBase64,
    /// Binary frames of V2 come as text.
    BinaryAsText,
    /// V3 messages come as binary frames.
    TextAsBinary,
    /// White space around a frame is gone.
    Trimmed,
    /// What is longer than 64 KiB is cut off.
    Truncated,
    /// What is longer than 64 KiB comes as two messages.
    Split,
    /// The place of an error has `body` before it.
    ErrorPlace,
    /// The type of an error is another.
    ErrorType,
    /// The code in an error is another.
    ErrorCode,
    /// Presence is answered with nobody.
    PresenceEmpty,
    /// Presence is answered with people of other groups as well.
    PresenceOfOthers,
    /// Presence is answered with a wrong count.
    PresenceCount,
    /// Presence is answered with every tab.
    PresenceOfTabs,
    /// Presence calls everybody a V3 client.
    PresenceProtocol,
    /// V3 sees the receipt that is for the hub alone.
    ReceiptVisible,
    /// A receipt that a client made up is believed: V2 is shown something else than V3.
    ReceiptForged,
    /// A receipt in a client's payload is believed.
    ReceiptInPayload,
    /// V2 gets envelopes instead of its own flat frames.
    V2GetsEnvelopes,
    /// V2 does not learn who sent a V3 message.
    FlatWithoutSender,

    // Coming, staying, going.
    /// Ids in the path are not percent-decoded.
    IdsNotDecoded,
    /// Ids are compared without regard to case.
    IdsWithoutCase,
    /// The reserved id `server` is let in.
    ServerIdAccepted,
    /// A wrong API key is let in.
    WrongKeyAccepted,
    /// A wrong API key is let in where V2 is spoken.
    WrongKeyOnV2,
    /// Clients are refused with 500.
    Refused500,
    /// Clients that say nothing for two seconds are cut off.
    IdleCut,
    /// Pings are not answered.
    PingsUnanswered,
    /// A pong carries something else than the ping did.
    PongChanged,
    /// What is too large is closed with 1000.
    TooLarge1000,
    /// Instead of close frames there are resets.
    ResetInsteadOfClose,
    /// A goodbye is not answered.
    GoodbyeUnanswered,
    /// A goodbye is answered with another code.
    GoodbyeChanged,
    /// What a client said just before its goodbye is lost.
    LastWordsLost,
    /// The word `ping` of a V2 client is answered by the server.
    V2PingAnswered,
    /// A V2 frame that is no JSON ends the connection.
    NoJsonCloses,

    // The protocols beside Aether's.
    /// Frames of the other protocols are parsed and written again.
    LegacyReencoded,
    /// Clients of the other protocols hear everything twice.
    LegacyTwice,
    /// A login in the first frame is not answered.
    LoginUnanswered,
    /// A ping in words is not answered.
    LegacyPingUnanswered,
    /// Who is refused is not told why.
    RefusalUnsaid,
    /// Who is refused is closed with 1000.
    RefusalAsGoodbye,
    /// An agent's metrics are not answered.
    MetricsUnanswered,
    /// A page gets metrics as the agent sent them, not below `data`.
    MetricsNotWrapped,
    /// What an agent answers to one client reaches the whole group.
    AnswerToGroup,
    /// A subscription's filters are not looked at.
    FiltersIgnored,
    /// A batch is done from its end.
    BatchReversed,
    /// The worker is always said to be offline.
    WorkerOffline,
    /// What the worker said of itself is not passed on.
    WorkerUndescribed,
}
