//! Python's `random.Random`: the Mersenne Twister with its seeding, so that seeded numbers come out the same.

use crate::digest;

const LENGTH: usize = 624;

/// A generator with a seed.
pub(crate) struct Twister {
    state: [u32; LENGTH],
    index: usize,
}

impl Twister {
    /// Seeded with a text, as `random.seed("text")`.
    pub fn with_text(seed: &str) -> Self {
        let mut bytes = seed.as_bytes().to_vec();
        bytes.extend(digest::of_bytes("sha512", seed.as_bytes()).unwrap_or_default());
        Self::with_bytes(&bytes)
    }

    /// Seeded with an integer, as `random.seed(7)`.
    pub fn with_integer(seed: i64) -> Self {
        Self::with_bytes(&seed.unsigned_abs().to_be_bytes())
    }

    /// Seeded with a number of any size, big end first.
    fn with_bytes(bytes: &[u8]) -> Self {
        let mut key: Vec<u32> = Vec::new();
        for chunk in bytes.rchunks(4) {
            key.push(chunk.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)));
        }
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        let mut twister = Self::started(19_650_218);
        twister.mix(&key);
        twister
    }

    fn started(seed: u32) -> Self {
        let mut state = [0u32; LENGTH];
        state[0] = seed;
        for i in 1..LENGTH {
            let last = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, index: LENGTH }
    }

    fn mix(&mut self, key: &[u32]) {
        let state = &mut self.state;
        let (mut i, mut j) = (1, 0);
        for _ in 0..LENGTH.max(key.len()) {
            let last = state[i - 1];
            state[i] =
                (state[i] ^ (last ^ (last >> 30)).wrapping_mul(1_664_525)).wrapping_add(key[j]).wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len();
            if i >= LENGTH {
                state[0] = state[LENGTH - 1];
                i = 1;
            }
        }
        for _ in 0..LENGTH - 1 {
            let last = state[i - 1];
            state[i] = (state[i] ^ (last ^ (last >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= LENGTH {
                state[0] = state[LENGTH - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
    }

    fn next(&mut self) -> u32 {
        if self.index >= LENGTH {
            for i in 0..LENGTH {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % LENGTH] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % LENGTH] ^ (y >> 1) ^ odd;
            }
            self.index = 0;
        }
        let mut y = self.state[self.index];
        self.index += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number from 0 up to, not including, `limit` (at most 2^32).
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        let bits = 64 - limit.leading_zeros();
        loop {
            let number = match bits {
                0..=32 => u64::from(self.next() >> (32 - bits)),
                bits => u64::from(self.next()) | u64::from(self.next() >> (64 - bits)) << 32,
            };
            if number < limit {
                return number;
            }
        }
    }

    /// Picks items as `random.sample` does.
    pub fn sample<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let count = count.min(items.len());
        let mut largest = 21;
        if count > 5 {
            largest += 4usize.pow(((count as f64 * 3.0).ln() / 4f64.ln()).ceil() as u32);
        }
        let mut picked = Vec::with_capacity(count);
        if items.len() <= largest {
            let mut pool: Vec<usize> = (0..items.len()).collect();
            for i in 0..count {
                let j = self.below((items.len() - i) as u64) as usize;
                picked.push(items[pool[j]].clone());
                pool[j] = pool[items.len() - i - 1];
            }
        } else {
            let mut seen = std::collections::BTreeSet::new();
            while picked.len() < count {
                let j = self.below(items.len() as u64) as usize;
                if seen.insert(j) {
                    picked.push(items[j].clone());
                }
            }
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_give_pythons_numbers() {
        assert_eq!(Twister::with_text("x").below(10), 5);
        assert_eq!(Twister::with_text("abc").below(10), 8);
        assert_eq!(Twister::with_text("a").below(60), 17);
        assert_eq!(Twister::with_text("x").below(100), 80);
    }
}
