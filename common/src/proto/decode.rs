//! From untrusted bytes to a message, with every bound checked before and while decoding.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bounds of one message.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of the encoded message.
    pub bytes: usize,
    /// Deepest nesting.
    pub depth: usize,
    /// Most values (scalars, lists, maps and keys all count): bounds the memory that small bytes can claim.
    pub nodes: usize,
}

impl Limits {
    /// Before a peer is known: enrolment and handshake payloads.
    pub const UNKNOWN_PEER: Self = Self { bytes: 4 * 1024, depth: 8, nodes: 128 };
    /// Inside an accepted session.
    pub const SESSION: Self = Self { bytes: 16 * 1024 * 1024, depth: 64, nodes: 2_000_000 };
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Over a bound.
    #[error("the message exceeds the limit of {limit} {what}")]
    Limit {
        /// What is limited: bytes, levels, values.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Not msgpack, or cut short.
    #[error("the message is malformed: {0}")]
    Malformed(String),
    /// Bytes after the message.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}

/// Encodes a message as msgpack with named fields.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // The proto types hold no value that msgpack can't carry; a failure would be a defect of ours.
    rmp_serde::to_vec_named(message).expect("proto types always encode")
}

/// Decodes one message that fills `bytes` whole.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limits: Limits) -> Result<T, DecodeError> {
    if bytes.len() > limits.bytes {
        return Err(DecodeError::Limit { what: "bytes", limit: limits.bytes });
    }
    let end = measure(bytes, limits)?;
    if end != bytes.len() {
        return Err(DecodeError::Trailing(bytes.len() - end));
    }
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(limits.depth * 2 + 16);
    T::deserialize(&mut deserializer).map_err(|error| DecodeError::Malformed(error.to_string()))
}

/// Walks the markers without allocating: counts values and depth, finds where the first value ends.
fn measure(bytes: &[u8], limits: Limits) -> Result<usize, DecodeError> {
    use rmp::Marker as M;
    let short = || DecodeError::Malformed("it is cut short".to_owned());
    // Values still expected at each open level.
    let mut open: Vec<u64> = vec![1];
    let mut nodes = 0usize;
    let mut at = 0usize;
    let number = |at: &mut usize, size: usize| -> Result<u64, DecodeError> {
        let field = bytes.get(*at..*at + size).ok_or_else(short)?;
        *at += size;
        Ok(field.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte)))
    };
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        nodes += 1;
        if nodes > limits.nodes {
            return Err(DecodeError::Limit { what: "values", limit: limits.nodes });
        }
        let marker = M::from_u8(*bytes.get(at).ok_or_else(short)?);
        at += 1;
        let mut skip = 0u64;
        let mut children = None;
        match marker {
            M::FixPos(_) | M::FixNeg(_) | M::Null | M::True | M::False => {}
            M::U8 | M::I8 => skip = 1,
            M::U16 | M::I16 => skip = 2,
            M::U32 | M::I32 | M::F32 => skip = 4,
            M::U64 | M::I64 | M::F64 => skip = 8,
            M::FixStr(size) => skip = u64::from(size),
            M::Str8 | M::Bin8 => skip = number(&mut at, 1)?,
            M::Str16 | M::Bin16 => skip = number(&mut at, 2)?,
            M::Str32 | M::Bin32 => skip = number(&mut at, 4)?,
            M::FixArray(size) => children = Some(u64::from(size)),
            M::Array16 => children = Some(number(&mut at, 2)?),
            M::Array32 => children = Some(number(&mut at, 4)?),
            M::FixMap(size) => children = Some(2 * u64::from(size)),
            M::Map16 => children = Some(2 * number(&mut at, 2)?),
            M::Map32 => children = Some(2 * number(&mut at, 4)?),
            M::FixExt1 => skip = 2,
            M::FixExt2 => skip = 3,
            M::FixExt4 => skip = 5,
            M::FixExt8 => skip = 9,
            M::FixExt16 => skip = 17,
            M::Ext8 => skip = 1 + number(&mut at, 1)?,
            M::Ext16 => skip = 1 + number(&mut at, 2)?,
            M::Ext32 => skip = 1 + number(&mut at, 4)?,
            M::Reserved => return Err(DecodeError::Malformed("a reserved marker".to_owned())),
        }
        if skip > (bytes.len() - at) as u64 {
            return Err(short());
        }
        at += skip as usize;
        if let Some(count) = children {
            if open.len() > limits.depth {
                return Err(DecodeError::Limit { what: "levels", limit: limits.depth });
            }
            // Every child takes a byte at least.
            if count > (bytes.len() - at) as u64 {
                return Err(short());
            }
            open.push(count);
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Map, Value};

    const SMALL: Limits = Limits { bytes: 64, depth: 4, nodes: 16 };

    #[test]
    fn values_survive_a_round_trip() {
        let mut map = Map::new();
        map.insert(1, "int key");
        map.insert(Value::Null, vec![Value::Float(0.5), Value::Bytes(vec![0, 255])]);
        map.insert(
            "big",
            "123456789012345678901234567890".parse::<crate::value::BigInt>().map(Value::integer).unwrap(),
        );
        map.insert("unsigned", u64::MAX);
        map.insert("small", i64::MIN);
        let value = Value::Map(map);
        let back: Value = decode(&encode(&value), Limits::SESSION).unwrap();
        assert!(back.identical(&value), "{back:?}");
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(decode::<Value>(&[0xc0, 0xc0], SMALL), Err(DecodeError::Trailing(1)));
        assert!(matches!(decode::<Value>(&[0xdd, 0xff, 0xff, 0xff, 0xff], SMALL), Err(DecodeError::Malformed(_))));
        assert!(matches!(decode::<Value>(&[0xc6, 0xff, 0xff, 0xff, 0xff], SMALL), Err(DecodeError::Malformed(_))));
        assert!(matches!(decode::<Value>(&[0x91; 30], SMALL), Err(DecodeError::Limit { what: "levels", .. })));
        assert!(matches!(decode::<Value>(&[0xc0; 65], SMALL), Err(DecodeError::Limit { what: "bytes", .. })));
        let mut many = vec![0xdc, 0, 40];
        many.extend([0xc0; 40]);
        assert!(matches!(decode::<Value>(&many, SMALL), Err(DecodeError::Limit { what: "values", .. })));
        for cut in 0..many.len() {
            assert!(decode::<Value>(&many[..cut], Limits::SESSION).is_err());
        }
    }
}
