//! The handshake of a session: Noise XX between a minion (who begins) and a master, with what both say of their keys.
//!
//! Three messages, each of 4 KiB at most. The first two begin with a magic and the version of the protocol in clear,
//! so that two versions part with a clear error; the version is also in the prologue, so that nobody can change it.
//! Fresh ephemeral keys bind the session to its connection.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use snow::{Builder, HandshakeState};

use super::certificate::{
    CertificateError, MasterCertificate, MasterProof, Signed, check_minion, minion_predecessors, vouch,
};
use super::keys::{Identity, MasterKeys, PublicKey};
use super::resolver::Resolver;
use super::session::{RecordOpener, RecordSealer, halves};
use super::trust::TrustError;
use crate::ids::MinionId;
use crate::proto::PROTOCOL_VERSION;
use crate::proto::decode::{Limits, decode, encode};
use crate::proto::request::{Enrolment, Role};

const PATTERN: &str = "Noise_XX_25519_AESGCM_SHA256";
const MAGIC: &[u8; 4] = b"salt";
/// Largest handshake message.
pub const MAX_MESSAGE: usize = 4 * 1024;

/// Why a handshake failed. Nothing is changed by a failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandshakeError {
    /// The peer speaks another version.
    #[error("the peer speaks version {theirs} of the protocol, this program speaks version {PROTOCOL_VERSION}")]
    Version {
        /// Its version.
        theirs: u8,
    },
    /// The bytes are no handshake message.
    #[error("the peer's handshake message is malformed")]
    Malformed,
    /// The message was changed on its way, or the peer does not have the keys it shows.
    #[error("the peer's handshake message is not authentic")]
    Forged,
    /// What the peer says of its keys does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The master is authentic, but not the one this minion believes.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// What a minion says of itself in the third message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hello {
    id: MinionId,
    key: PublicKey,
    certificate: Signed,
    role: Role,
    grains_hash: ByteArray<32>,
    #[serde(default)]
    enrolment: Enrolment,
    /// Successions that led to `key`, oldest first.
    #[serde(default)]
    successions: Vec<Signed>,
}

/// What a master knows of a minion after the handshake. Possession of the key is proved; whether the key may bear
/// the id is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Introduced {
    /// The id it claims.
    pub id: MinionId,
    /// Its identity.
    pub key: PublicKey,
    /// What the session is for.
    pub role: Role,
    /// Digest of its grains.
    pub grains_hash: [u8; 32],
    /// What speaks for a key that is not known yet.
    pub enrolment: Enrolment,
    /// Its identities before, newest first: each has signed for the next.
    pub predecessors: Vec<PublicKey>,
}

/// A minion in the middle of a handshake.
pub struct Initiator<'a> {
    identity: &'a Identity,
    noise: HandshakeState,
    enrolment: Enrolment,
}

/// A master in the middle of a handshake.
pub struct Responder {
    noise: HandshakeState,
}

impl<'a> Initiator<'a> {
    /// Begins: the first message.
    pub fn start(identity: &'a Identity) -> (Self, Vec<u8>) {
        let mut noise = builder(identity.noise().private().expose())
            .build_initiator()
            .expect("the parameters of the pattern are complete");
        let message = write(&mut noise, true, &[]);
        (Self { identity, noise, enrolment: Enrolment::default() }, message)
    }

    /// Adds what speaks for a key that the master does not know yet; what is too long is left out.
    #[must_use]
    pub fn enrolling(mut self, enrolment: &Enrolment) -> Self {
        let (token, grains) = Enrolment::MOST;
        self.enrolment.token = enrolment.token.clone().filter(|text| text.len() <= token);
        if encode(&enrolment.grains).len() <= grains {
            self.enrolment.grains = enrolment.grains.clone();
        }
        self
    }

    /// True for what a busy master says instead of the second message: it will come.
    pub fn is_wait(message: &[u8]) -> bool {
        message == Responder::wait()
    }

    /// Reads the second message: what the master shows, checked in itself. Whether to believe its root is
    /// [`super::trust::Trust`]'s. `now` in milliseconds since 1970.
    pub fn read(&mut self, message: &[u8], now: u64) -> Result<(MasterProof, MasterCertificate), HandshakeError> {
        let payload = read(&mut self.noise, strip(message)?)?;
        let proof: MasterProof = decode(&payload, Limits::UNKNOWN_PEER).map_err(|_| HandshakeError::Malformed)?;
        let noise = self.noise.get_remote_static().ok_or(HandshakeError::Malformed)?;
        let certificate = proof.verify(noise, now)?;
        Ok((proof, certificate))
    }

    /// Introduces the minion: the third message, and the session.
    pub fn finish(
        mut self,
        id: &MinionId,
        role: Role,
        grains_hash: &[u8; 32],
    ) -> (Vec<u8>, RecordSealer, RecordOpener) {
        let hello = Hello {
            id: id.clone(),
            key: self.identity.public(),
            certificate: vouch(self.identity),
            role,
            grains_hash: ByteArray::new(*grains_hash),
            enrolment: self.enrolment,
            successions: self.identity.successions().to_vec(),
        };
        let message = write(&mut self.noise, false, &encode(&hello));
        let (sealer, opener) = halves(self.noise);
        (message, sealer, opener)
    }
}

impl Responder {
    /// Reads the first message and answers it with the second. `now` in milliseconds since 1970.
    pub fn answer(keys: &MasterKeys, message: &[u8], now: u64) -> Result<(Self, Vec<u8>), HandshakeError> {
        let held = keys.held();
        let mut noise = builder(held.noise().private().expose())
            .build_responder()
            .expect("the parameters of the pattern are complete");
        let payload = read(&mut noise, strip(message)?)?;
        if !payload.is_empty() {
            return Err(HandshakeError::Malformed);
        }
        let message = write(&mut noise, true, &encode(&*held.proof(now)));
        Ok((Self { noise }, message))
    }

    /// The answer to a peer of another version: this side's version, nothing else.
    pub fn refusal() -> Vec<u8> {
        preamble()
    }

    /// Said to a peer whose turn has not come: a version that does not exist, nothing else.
    pub fn wait() -> Vec<u8> {
        [MAGIC.as_slice(), &[0]].concat()
    }

    /// Reads the third message: who the minion is, and the session.
    pub fn finish(mut self, message: &[u8]) -> Result<(Introduced, RecordSealer, RecordOpener), HandshakeError> {
        let payload = read(&mut self.noise, message)?;
        let hello: Hello = decode(&payload, Limits::UNKNOWN_PEER).map_err(|_| HandshakeError::Malformed)?;
        let noise = self.noise.get_remote_static().ok_or(HandshakeError::Malformed)?;
        check_minion(&hello.certificate, &hello.key, noise)?;
        let (sealer, opener) = halves(self.noise);
        let grains_hash = hello.grains_hash.into_array();
        let predecessors = minion_predecessors(&hello.key, &hello.successions);
        let Hello { id, key, role, enrolment, .. } = hello;
        Ok((Introduced { id, key, role, grains_hash, enrolment, predecessors }, sealer, opener))
    }
}

fn preamble() -> Vec<u8> {
    [MAGIC.as_slice(), &[PROTOCOL_VERSION]].concat()
}

fn strip(message: &[u8]) -> Result<&[u8], HandshakeError> {
    let rest = message.strip_prefix(MAGIC).ok_or(HandshakeError::Malformed)?;
    match rest.split_first() {
        Some((&PROTOCOL_VERSION, noise)) => Ok(noise),
        Some((&theirs, _)) => Err(HandshakeError::Version { theirs }),
        None => Err(HandshakeError::Malformed),
    }
}

fn builder(private: &[u8; 32]) -> Builder<'_> {
    const PROLOGUE: [u8; 16] = {
        let mut text = *b"saltsession/\0\0\0\0";
        text[12] = PROTOCOL_VERSION;
        text
    };
    Builder::with_resolver(PATTERN.parse().expect("the pattern's name is valid"), Box::new(Resolver))
        .local_private_key(private)
        .and_then(|builder| builder.prologue(&PROLOGUE))
        .expect("key and prologue are set once")
}

fn write(noise: &mut HandshakeState, greet: bool, payload: &[u8]) -> Vec<u8> {
    let mut message = if greet { preamble() } else { Vec::new() };
    let start = message.len();
    message.resize(MAX_MESSAGE, 0);
    let size =
        noise.write_message(payload, &mut message[start..]).expect("it is this side's turn and our payloads fit");
    message.truncate(start + size);
    message
}

fn read(noise: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, HandshakeError> {
    if message.len() > MAX_MESSAGE {
        return Err(HandshakeError::Malformed);
    }
    let mut payload = vec![0; message.len()];
    let size = noise.read_message(message, &mut payload).map_err(|_| HandshakeError::Forged)?;
    payload.truncate(size);
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn minion() -> (Identity, MinionId) {
        (Identity::generate(), "web1".parse().unwrap())
    }

    fn introduce(initiator: Initiator<'_>, id: &MinionId) -> (Vec<u8>, RecordSealer, RecordOpener) {
        initiator.finish(id, Role::Minion, &[9; 32])
    }

    #[test]
    fn both_sides_learn_each_other_and_share_a_session() {
        let keys = MasterKeys::generate();
        let (identity, id) = minion();
        let (mut initiator, first) = Initiator::start(&identity);
        let (responder, second) = Responder::answer(&keys, &first, 1000).unwrap();
        let (proof, certificate) = initiator.read(&second, 1000).unwrap();
        assert_eq!(proof.root, keys.root());
        assert_eq!(certificate.publication, keys.publication());
        let (third, mut sealer, _) = introduce(initiator, &id);
        assert!(third.len() < 1024 && second.len() < 1024);
        let (who, _, mut opener) = responder.finish(&third).unwrap();
        let expected = Introduced {
            id,
            key: identity.public(),
            role: Role::Minion,
            grains_hash: [9; 32],
            enrolment: Enrolment::default(),
            predecessors: Vec::new(),
        };
        assert_eq!(who, expected);
        let record = sealer.seal(b"hello ", b"master").unwrap();
        assert_eq!(opener.open(&record).unwrap(), b"hello master");
    }

    #[test]
    fn a_rotated_key_shows_its_predecessors_and_everything_at_its_longest_fits() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::load_or_create(dir.path()).unwrap().public();
        let mut last = first;
        for _ in 0..6 {
            let (old, new) = Identity::rotate(dir.path()).unwrap();
            assert_eq!(old, last);
            last = new;
        }
        let (keys, identity) = (MasterKeys::generate(), Identity::load_or_create(dir.path()).unwrap());
        let id: MinionId = "x".repeat(255).parse().unwrap();
        let (initiator, first_message) = Initiator::start(&identity);
        let grains = [("serialnumber", "x".repeat(1000))].into_iter().collect();
        let enrolment = Enrolment { token: Some("t".repeat(128)), grains };
        let mut initiator = initiator.enrolling(&enrolment);
        let (responder, second) = Responder::answer(&keys, &first_message, 0).unwrap();
        initiator.read(&second, 0).unwrap();
        let who = responder.finish(&introduce(initiator, &id).0).unwrap().0;
        assert_eq!((who.key, who.predecessors.len()), (last, 4));
        assert!(!who.predecessors.contains(&first) && !who.predecessors.contains(&last));
        assert_eq!(who.enrolment, enrolment);
        assert!(!format!("{who:?}").contains("ttt"), "a token is a secret");
    }

    #[test]
    fn the_longest_id_fits() {
        let keys = MasterKeys::generate();
        let (identity, _) = minion();
        let id: MinionId = "x".repeat(255).parse().unwrap();
        let (mut initiator, first) = Initiator::start(&identity);
        let (responder, second) = Responder::answer(&keys, &first, 0).unwrap();
        initiator.read(&second, 0).unwrap();
        assert_eq!(responder.finish(&introduce(initiator, &id).0).unwrap().0.id, id);
    }

    /// The same as a good introduction, but for the name, which is no `MinionId` on the sender's side.
    #[test]
    fn names_that_are_none_are_refused() {
        #[derive(Serialize)]
        struct Bad<'a> {
            id: &'a str,
            key: PublicKey,
            certificate: Signed,
            role: Role,
            grains_hash: ByteArray<32>,
        }
        let keys = MasterKeys::generate();
        let (identity, _) = minion();
        let long = "x".repeat(300);
        for (id, good) in [("web1", true), ("../../etc/passwd", false), (".", false), ("", false), ("a\0b", false)]
            .into_iter()
            .chain([(long.as_str(), false), ("a/b", false), (".web1", false), ("a\nb", false)])
        {
            let (mut initiator, first) = Initiator::start(&identity);
            let (responder, second) = Responder::answer(&keys, &first, 0).unwrap();
            initiator.read(&second, 0).unwrap();
            let (key, certificate) = (identity.public(), vouch(&identity));
            let bad = Bad { id, key, certificate, role: Role::Minion, grains_hash: ByteArray::new([0; 32]) };
            let third = write(&mut initiator.noise, false, &encode(&bad));
            assert_eq!(responder.finish(&third).is_ok(), good, "{id:?}");
        }
    }

    #[test]
    fn every_changed_or_cut_message_is_refused() {
        let keys = MasterKeys::generate();
        let (identity, id) = minion();
        let (_, first) = Initiator::start(&identity);
        let (_, second) = Responder::answer(&keys, &first, 0).unwrap();
        for at in 0..first.len() {
            assert!(Responder::answer(&keys, &first[..at], 0).is_err(), "cut at {at}");
        }
        for at in 0..second.len() {
            let mut bad = second.clone();
            bad[at] ^= 0x40;
            // A handshake that began with another message; every state is used once.
            let (mut initiator, _) = Initiator::start(&identity);
            assert!(initiator.read(&bad, 0).is_err(), "changed at {at}");
        }
        let mut rng = rand::rng();
        for _ in 0..100 {
            let (mut initiator, first) = Initiator::start(&identity);
            let (responder, second) = Responder::answer(&keys, &first, 0).unwrap();
            initiator.read(&second, 0).unwrap();
            let mut third = introduce(initiator, &id).0;
            let at = rng.random_range(0..third.len());
            if rng.random() {
                third[at] ^= 1 << rng.random_range(0..8)
            } else {
                third.truncate(at)
            }
            assert!(responder.finish(&third).is_err(), "{at}");
        }
    }

    #[test]
    fn messages_of_another_handshake_are_refused() {
        let keys = MasterKeys::generate();
        let (identity, id) = minion();
        let (mut one, first) = Initiator::start(&identity);
        let (_, second) = Responder::answer(&keys, &first, 0).unwrap();
        let (again, _) = Responder::answer(&keys, &first, 0).unwrap();
        one.read(&second, 0).unwrap();
        let third = introduce(one, &id).0;
        assert!(matches!(again.finish(&third), Err(HandshakeError::Forged)), "a replayed third message");
        let (mut two, _) = Initiator::start(&identity);
        assert!(matches!(two.read(&second, 0), Err(HandshakeError::Forged)), "a replayed second message");
    }

    #[test]
    fn another_version_is_named_and_cannot_be_hidden() {
        let keys = MasterKeys::generate();
        let (identity, _) = minion();
        let (mut initiator, mut first) = Initiator::start(&identity);
        first[4] = 9;
        assert!(matches!(Responder::answer(&keys, &first, 0), Err(HandshakeError::Version { theirs: 9 })));
        let mut refusal = Responder::refusal();
        refusal[4] = 2;
        assert!(matches!(initiator.read(&refusal, 0), Err(HandshakeError::Version { theirs: 2 })));
    }

    #[test]
    fn a_master_without_the_certified_key_is_refused() {
        let (real, fake) = (MasterKeys::generate(), MasterKeys::generate());
        let (identity, _) = minion();
        let (mut initiator, first) = Initiator::start(&identity);
        let mut noise = builder(fake.held().noise().private().expose()).build_responder().unwrap();
        read(&mut noise, strip(&first).unwrap()).unwrap();
        // A thief who has seen a certificate shows it with a key of his own.
        let second = write(&mut noise, true, &encode(&*real.proof(0)));
        let refused = initiator.read(&second, 0);
        assert!(matches!(refused, Err(HandshakeError::Certificate(CertificateError::OtherKey))));
    }

    #[test]
    fn a_minion_cannot_show_the_identity_of_another() {
        let keys = MasterKeys::generate();
        let (victim, id) = minion();
        let thief = Identity::generate();
        let (mut initiator, first) = Initiator::start(&thief);
        let (responder, second) = Responder::answer(&keys, &first, 0).unwrap();
        initiator.read(&second, 0).unwrap();
        let hello = Hello {
            id,
            key: victim.public(),
            certificate: vouch(&victim),
            role: Role::Minion,
            grains_hash: ByteArray::new([0; 32]),
            enrolment: Enrolment::default(),
            successions: Vec::new(),
        };
        let third = write(&mut initiator.noise, false, &encode(&hello));
        let refused = responder.finish(&third).map(|(who, ..)| who);
        assert!(matches!(refused, Err(HandshakeError::Certificate(CertificateError::OtherKey))));
    }

    #[test]
    fn random_bytes_never_panic() {
        let keys = MasterKeys::generate();
        let (identity, _) = minion();
        let mut rng = rand::rng();
        for round in 0..300 {
            let mut bytes: Vec<u8> = (0..rng.random_range(0..5000)).map(|_| rng.random()).collect();
            if round % 2 == 0 {
                bytes.splice(..0, preamble());
            }
            let _ = Responder::answer(&keys, &bytes, 0).map(|(responder, _)| responder.finish(&bytes).is_ok());
            let (mut initiator, _) = Initiator::start(&identity);
            assert!(initiator.read(&bytes, 0).is_err());
        }
    }
}
