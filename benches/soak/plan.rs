//! Owns who takes part: tenants, groups, and for each seat what it speaks and whom it hears. Plain data, the same
//! for the same number of seats.

/// Tenants. They use the same names for groups and clients, so that nothing but the account keeps them apart.
pub const TENANTS: usize = 4;
/// Members of a room.
const ROOM: usize = 10;
/// Seats of a tenant in its one large group: one of so many.
const HALL: usize = 5;
/// Ids a seat goes by, one after the other.
pub const NAMES: usize = 3;
/// Seats of a tenant that speak to all of it.
const CRIERS: usize = 2;

/// What a message is for. Each seat has one voice for each, numbered on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The group.
    Group,
    /// The partner.
    Direct,
    /// The tenant.
    Broadcast,
    /// The sender itself: echoes and heartbeats.
    Echo,
}

const SCOPES: [Scope; 4] = [Scope::Group, Scope::Direct, Scope::Broadcast, Scope::Echo];

/// A seat's number and a scope, as one number.
pub fn voice(seat: usize, scope: Scope) -> u32 {
    u32::try_from(seat * SCOPES.len() + scope as usize).unwrap_or(u32::MAX)
}

/// The other way round.
pub fn of_voice(voice: u32) -> (usize, Scope) {
    let voice = voice as usize;
    (voice / SCOPES.len(), SCOPES[voice % SCOPES.len()])
}

/// One place, taken by one connection after the other.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Number of its tenant.
    pub tenant: usize,
    /// Its number within the tenant.
    pub number: usize,
    /// Its group.
    pub group: String,
    /// It sends V2.
    pub speaks_v2: bool,
    /// It hears V2.
    pub hears_v2: bool,
    /// To whom its private messages go.
    pub partner: usize,
    /// It may speak to the whole tenant.
    pub cries: bool,
}

/// Everybody.
#[derive(Debug)]
pub struct Plan {
    /// By seat.
    pub seats: Vec<Seat>,
    /// The voices each seat hears, in order.
    pub hears: Vec<Vec<u32>>,
}

impl Plan {
    /// As many seats as fill the tenants evenly.
    pub fn new(connections: usize) -> Self {
        let each = connections / TENANTS;
        let mut seats = Vec::new();
        for tenant in 0..TENANTS {
            let mut criers = 0;
            for number in 0..each {
                let room = (number >= each / HALL).then(|| (number - each / HALL) / ROOM);
                let is_v2 = match room {
                    // All V2, all V3, and twice mixed.
                    Some(room) if room % 4 == 0 => true,
                    Some(room) if room % 4 == 1 => false,
                    _ => number % 2 == 0,
                };
                let cries = !is_v2 && criers < CRIERS;
                criers += usize::from(cries);
                seats.push(Seat {
                    tenant,
                    number,
                    group: room.map_or("hall".into(), |room| format!("room-{room}")),
                    speaks_v2: is_v2,
                    // Some have moved half way: `recv=v3`.
                    hears_v2: is_v2 && number % 16 != 0,
                    partner: tenant * each + (number + ROOM + 1) % each,
                    cries,
                });
            }
        }
        let hears = (0..seats.len()).map(|seat| heard_by(&seats, seat)).collect();
        Self { seats, hears }
    }
}

fn heard_by(seats: &[Seat], me: usize) -> Vec<u32> {
    let own = &seats[me];
    let mut voices = vec![voice(me, Scope::Echo)];
    for (at, seat) in seats.iter().enumerate().filter(|(_, seat)| seat.tenant == own.tenant) {
        let scopes = [
            (Scope::Group, seat.group == own.group),
            (Scope::Direct, seat.partner == me),
            (Scope::Broadcast, seat.cries),
        ];
        voices.extend(scopes.into_iter().filter(|(_, hears)| *hears).map(|(scope, _)| voice(at, scope)));
    }
    voices.sort_unstable();
    voices
}

impl Seat {
    /// The id it goes by.
    pub fn id(&self, name: usize) -> String {
        format!("seat-{}-{}", self.number, name % NAMES)
    }

    /// Where it connects.
    pub fn path(&self, name: usize) -> String {
        let mount = match (self.speaks_v2, self.number % 3) {
            (false, _) => "/v3/ws",
            (true, 0) => "/ws_redis",
            (true, _) => "/ws",
        };
        let hears = if self.speaks_v2 && !self.hears_v2 { "&recv=v3" } else { "" };
        let (group, id, key) = (&self.group, self.id(name), key(self.tenant));
        format!("{mount}/group/{group}/client/{id}?api_key={key}{hears}")
    }
}

/// A tenant's API key.
pub fn key(tenant: usize) -> String {
    format!("soak-key-of-tenant-{tenant}")
}
