//! Which cases are played against which broken server: some of those that are about what is broken, so that the test
//! stays short. What else would notice it is not told by these.

use super::faults::Fault;
use aether_proxy::compat::Capability;

/// Patterns of ids.
pub fn of(fault: Fault) -> &'static [&'static str] {
    use Fault::*;
    match fault {
        LeakToNextGroup | LeakToAllV3 => &["aether.groups.others", "aether.groups.both-talk", "aether.groups.v2-to-*"],
        LeakToAllV2 => &["aether.groups.v2-others", "aether.groups.v3-to-*"],
        DirectToGroup => &["aether.direct.across-groups", "aether.direct.same-group", "aether.direct.v2*"],
        DirectToOneTab => &["aether.direct.two-tabs"],
        DirectWithinGroup | ToIdMissing => &["aether.direct.across-groups", "aether.direct.reply", "aether.direct.v2"],
        DirectWithoutV2 => &["aether.direct.v2*"],
        DirectByPrefix => &["aether.connect.id-prefix"],
        DirectKept => &["aether.direct.gone"],
        AddresseeAlone => &["aether.groups.to-id"],
        BroadcastToOwnGroup => &["aether.broadcast.all-groups", "aether.broadcast.v2"],
        BroadcastWithoutV2 => &["aether.broadcast.v2"],
        EchoToGroup => &["aether.echo.alone", "aether.echo.command", "aether.echo.tab", "aether.echo.v2-deaf"],
        HeartbeatToGroup => &["aether.heartbeat.echo", "aether.heartbeat.group", "aether.heartbeat.tab"],
        HeartbeatUnanswered => &["aether.heartbeat.echo", "aether.heartbeat.content"],
        SenderLeftOut => &["aether.groups.sender", "aether.groups.twelve"],
        ErrorsToGroup | ErrorsSwallowed | ErrorCloses => {
            &["aether.hostile.not-json", "aether.hostile.schema", "aether.hostile.binary"]
        }
        ErrorPlace | ErrorType | ErrorCode => &["aether.v3.errors.missing-*", "aether.v3.errors.bad-*"],
        SecondTakesAll | SecondRefused | TabsHearTwice => &["aether.same-id.group", "aether.same-id.v2"],
        SecondEndsFirst | GoneTakesId => &["aether.same-id.close-first", "aether.same-id.drop-second"],
        GoneTakesGroup => &["aether.groups.left"],
        DeafAtFirst => &["aether.groups.everyone", "aether.groups.command"],
        FirstOfReturnLost => &["aether.reconnect.after-drop", "aether.reconnect.v2"],
        BridgeOneWay => &["aether.groups.v2-to-v3"],
        BridgeOtherWay => &["aether.groups.v3-to-v2"],
        PresenceToV2 => &["aether.presence.v2-deaf"],
        JoinsLost | JoinsTwice => &["aether.presence.join", "aether.presence.five"],
        LeavesLost => &["aether.presence.leave", "aether.presence.vanished"],
        LeaveOfOneTab => &["aether.presence.last-tab"],
        PresenceToOthers => &["aether.presence.other-group"],
        PresenceEmpty | PresenceCount => &["aether.presence.query", "aether.presence.query-alone"],
        PresenceOfOthers => &["aether.presence.query-group"],
        PresenceOfTabs => &["aether.presence.query-tabs"],
        PresenceProtocol => &["aether.presence.query", "aether.presence.v2-join"],
        OldForNewcomers => &["aether.groups.late", "aether.groups.empty"],
        Reordered | Every10thTwice | LastNotFlushed => &["aether.order.kinds", "aether.order.two-senders"],
        Every50thLost => &["aether.order.v2", "aether.order.v2-to-v3"],
        LongOnesLate => &["aether.order.sizes"],
        EqualOnesLost => &["aether.repeated.*"],
        EmptyOnesLost => &["aether.v2.text.empty"],
        FromIdBelieved | GroupIdBelieved | SentAtBelieved | VersionBelieved => &[
            "aether.spoofing.from-*",
            "aether.spoofing.group-id",
            "aether.spoofing.sent-at",
            "aether.spoofing.version",
        ],
        FromIdMissing | GroupIdMissing | VersionMissing | VersionNumber | SentAtMissing | SentAtWithoutZone
        | TextAsBinary => &["aether.v3.guide.group", "aether.v3.guide.echo"],
        NullsWritten => &["aether.v3.guide.heartbeat-*", "aether.v3.members.msg*"],
        CommandAsMessage => &["aether.groups.command", "aether.v3.guide.command"],
        EmptyPayloadLost => &["aether.v3.members.payload-empty"],
        UnknownMembersKept => &["aether.v3.members.unknown*"],
        V2Reencoded => {
            &["aether.v2.numbers.trailing-zero", "aether.v2.numbers.big-int", "aether.v2.duplicates.*-value"]
        }
        V3Reencoded => &["aether.v2.numbers.trailing-zero", "aether.v2.numbers.big-int", "aether.v3.flat.plain"],
        NonAsciiEscaped => &["aether.v2.strings.raw-unicode"],
        SlashesEscaped => &["aether.v2.strings.url"],
        HtmlEscaped => &["aether.hostile.markup", "aether.v2.strings.url"],
        NulLost => &["aether.hostile.nul"],
        OtherBase64 | BinaryAsText => &["aether.v2.binary.bytes", "aether.v2.binary.all"],
        Trimmed => &["aether.v2.white-space.around", "aether.v2.white-space.only"],
        Truncated | Split => &["aether.large.both-64k", "aether.large.v2-64k"],
        ReceiptVisible => &["aether.v2.guide.wrapped", "aether.v3.guide.group"],
        ReceiptForged => &["aether.spoofing.v3-hub", "aether.v3.members.unknown-_hub"],
        ReceiptInPayload => &["aether.spoofing.v3-receipt"],
        V2GetsEnvelopes | FlatWithoutSender => &["aether.v3.guide.group", "aether.v3.guide.command"],
        IdsNotDecoded => &["aether.connect.id-space", "aether.connect.id-percent"],
        IdsWithoutCase => &["aether.connect.id-case", "aether.connect.group-case"],
        ServerIdAccepted => &["aether.connect.id-server"],
        Refused500 => &["aether.connect.id-server", "aether.connect.id-empty"],
        WrongKeyAccepted => &["aether.credentials.wrong"],
        WrongKeyOnV2 => &["aether.credentials.wrong-v2*"],
        IdleCut => &["aether.closing.idle"],
        PingsUnanswered | PongChanged => &["aether.closing.ping-v*"],
        GoodbyeUnanswered | GoodbyeChanged => &["aether.closing.codes-v*"],
        TooLarge1000 | ResetInsteadOfClose => &["aether.large.too-large-*"],
        LastWordsLost => &["aether.reconnect.last-words*"],
        V2PingAnswered => &["aether.hostile.v2-ping"],
        NoJsonCloses => &["aether.hostile.v2-any", "aether.hostile.v2-nonsense"],
        LegacyReencoded => &["valtronics.subscribe.peer", "valtronics.filters.metrics-all"],
        LegacyTwice => &["vectra.keepalive.ping", "server-monitor.agent.ping", "valtronics.ping.guide"],
        LoginUnanswered => &["valtronics.auth.guide", "server-monitor.auth.agent"],
        LegacyPingUnanswered => &["vectra.keepalive.ping", "server-monitor.agent.ping", "valtronics.ping.guide"],
        RefusalUnsaid | RefusalAsGoodbye => &["server-monitor.auth.bad-*", "server-monitor.auth.ping-first"],
        MetricsUnanswered => &["server-monitor.agent.metrics"],
        MetricsNotWrapped => &["server-monitor.page.metrics"],
        AnswerToGroup => &["server-monitor.commands.command", "server-monitor.commands.two-askers"],
        FiltersIgnored => &["valtronics.subscribe.guide-*", "valtronics.filters.metrics"],
        BatchReversed => &["valtronics.batch.guide", "valtronics.batch.control"],
        WorkerOffline => &["vectra.status.on_open", "vectra.status.asked"],
        WorkerUndescribed => &["vectra.status.asked_described"],
    }
}

/// What a server that is so broken seems not to be able to do at all, and why its probe cannot know better. Asked for
/// that by name (`--require`), it fails.
pub fn lost(fault: Fault) -> Option<(Capability, &'static str)> {
    match fault {
        Fault::BridgeOneWay => Some((Capability::Bridge, "a server without a bridge does the same")),
        Fault::ErrorsSwallowed => Some((Capability::ErrorEnvelope, "a server without error envelopes does the same")),
        Fault::NoJsonCloses => Some((Capability::V2AnyFrame, "the guide speaks of loose JSON objects only")),
        _ => None,
    }
}
