//! Frames on a stream of bytes, as a radio or a cable carries them: in pieces of any length. Both
//! ends read and write here; what the frames say is none of its business.

use claviger_offline::session::{LENGTH, MOST_FRAME};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};

use crate::rng::Rng;

/// The longest piece of bytes that a virtual link carries at once.
const MOST_PIECE: u64 = 96;

/// The two ends of a virtual link. A seed settles in how many pieces frames come.
pub(crate) fn pair(rng: &mut Rng) -> (DuplexStream, DuplexStream) {
    let piece = usize::try_from(1 + rng.below(MOST_PIECE)).unwrap_or(1);
    tokio::io::duplex(piece)
}

/// The next frame without its length; none where the other end is gone, or says to send more than
/// a frame holds.
pub(crate) async fn read_frame(link: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut length = [0; LENGTH];
    link.read_exact(&mut length).await.ok()?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > MOST_FRAME {
        return None;
    }
    let mut frame = vec![0; length];
    link.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

/// Sends bytes, frames with their lengths; none where the other end is gone.
pub(crate) async fn send(link: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Option<()> {
    link.write_all(bytes).await.ok()?;
    link.flush().await.ok()
}

/// A frame behind its length; one that is too long says so and is sent all the same.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    let length = u16::try_from(frame.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], frame].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_whole_however_they_are_cut() {
        for seed in 0..50 {
            let (mut one, mut other) = pair(&mut Rng::new(&[seed]));
            let frames: [Vec<u8>; 3] = [vec![1], vec![], vec![2; MOST_FRAME]];
            let sending = async {
                for frame in &frames {
                    send(&mut one, &framed(frame)).await.unwrap();
                }
                send(&mut one, &framed(&[0; MOST_FRAME + 1])).await;
            };
            let reading = async {
                let mut read = Vec::new();
                while let Some(frame) = read_frame(&mut other).await {
                    read.push(frame);
                }
                drop(other);
                read
            };
            assert_eq!(tokio::join!(sending, reading).1, frames);
        }
    }
}
