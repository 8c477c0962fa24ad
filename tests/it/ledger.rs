//! Re-attaching to a job: every return is shown, whenever somebody looks.

use std::sync::Arc;
use std::time::Duration;

use fleet_common::ids::Jid;
use fleet_common::proto::api::{JobEvent, NewJob, Standing, Summary};
use fleet_common::proto::request::KeyState;
use fleet_common::value::Value;
use fleet_master::api::JobView;
use fleet_master::client::JobStream;
use fleet_tests::stand_in::Figure;

use super::jobs::{Stage, ping};

/// Starts a job and leaves at once.
async fn leave(stage: &Stage, job: NewJob) -> Jid {
    let mut client = stage.client().await;
    let mut stream = client.start(&NewJob { detach: true, ..job }).await.unwrap();
    let Some(JobEvent::Started { jid, .. }) = stream.next().await.unwrap() else { panic!("no jid") };
    jid
}

/// Who answered, who is said to be lost, and the summary.
async fn attach(stage: &Stage, jid: &Jid, follow: bool) -> (Vec<String>, Vec<(String, Standing)>, Summary) {
    let mut client = stage.client().await;
    read(client.attach(jid, follow, false).await.unwrap()).await
}

/// The stream to its end.
async fn read(mut stream: JobStream) -> (Vec<String>, Vec<(String, Standing)>, Summary) {
    let (mut returned, mut lost) = (Vec::new(), Vec::new());
    while let Some(event) = stream.next().await.unwrap() {
        match event {
            JobEvent::Return(ret) => returned.push(ret.id.to_string()),
            JobEvent::Lost { id, state } => lost.push((id.to_string(), state)),
            JobEvent::Summary(summary) => {
                returned.sort();
                return (returned, lost, summary);
            }
            _ => {}
        }
    }
    panic!("the stream ended without a summary")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_sees_every_return() {
    let stage = Stage::new("auto_accept: True").await;
    // It answers when the gate is opened, however long everything else takes.
    let (gate, opened) = std::sync::mpsc::channel::<()>();
    let opened = std::sync::Mutex::new(opened);
    let slow = Arc::new(move |_: &fleet_common::proto::job::Job| {
        tokio::task::block_in_place(|| opened.lock().unwrap().recv().unwrap());
        Some(Value::Bool(true))
    });
    let mut quick = stage.minion(Figure::new("quick"));
    let mut late = stage.minion(Figure { act: slow, ..Figure::new("slow") });
    quick.wait_for(KeyState::Accepted).await;
    late.wait_for(KeyState::Accepted).await;
    let jid = leave(&stage, NewJob { timeout: Some(60.0), ..ping("quick,slow") }).await;
    let (lost, summary) = loop {
        match attach(&stage, &jid, false).await {
            (returned, ..) if returned.is_empty() => tokio::time::sleep(Duration::from_millis(5)).await,
            (returned, lost, summary) => {
                assert_eq!(returned, ["quick"]);
                break (lost, summary);
            }
        }
    };
    assert_eq!(lost, [("slow".to_owned(), Standing::Sent)]);
    assert_eq!(summary.silent.len(), 1);
    // Two follow at once; both see all.
    let (mut first, mut second) = (stage.client().await, stage.client().await);
    let one = first.attach(&jid, true, false).await.unwrap();
    let two = second.attach(&jid, true, false).await.unwrap();
    gate.send(()).unwrap();
    let (one, two) = tokio::join!(read(one), read(two));
    assert_eq!(one.0, ["quick", "slow"]);
    assert_eq!(two.0, ["quick", "slow"]);
    // Long after, from the store alone.
    let (returned, lost, summary) = attach(&stage, &jid, true).await;
    assert_eq!((returned.len(), lost.len(), summary.succeeded), (2, 0, 2));
    let view: JobView = stage.client().await.get(&format!("/jobs/{jid}")).await.unwrap();
    for target in view.targets {
        assert_eq!(target.state, Standing::Finished);
        assert!(target.steps.is_sorted_by_key(|step| step.at), "{:?}", target.steps);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_whoever_comes_online_and_stops_waiting_when_cancelled() {
    let stage = Stage::new("auto_accept: True").await;
    let figure = Figure::new("sleeper");
    let mut sleeper = stage.minion(figure.clone());
    sleeper.wait_for(KeyState::Accepted).await;
    drop(sleeper);
    stage.wait_for_down("sleeper").await;
    let kept = leave(&stage, NewJob { ttl: Some(600), ..ping("sleeper") }).await;
    let cancelled = leave(&stage, NewJob { ttl: Some(600), ..ping("sleeper") }).await;
    let (_, lost, summary) = attach(&stage, &kept, false).await;
    assert_eq!(lost, [("sleeper".to_owned(), Standing::Expected)]);
    assert_eq!(summary.waiting.len(), 1);
    let stopped = stage.client().await.cancel(&cancelled).await.unwrap();
    assert_eq!((stopped.stopped.len(), stopped.under_way.len()), (1, 0));
    let follow = attach(&stage, &kept, true);
    let come_back = async {
        let mut sleeper = stage.minion(figure);
        sleeper.wait_for(KeyState::Accepted).await;
        sleeper
    };
    let ((returned, ..), _sleeper) = tokio::join!(follow, come_back);
    assert_eq!(returned, ["sleeper"]);
    let (returned, lost, _) = attach(&stage, &cancelled, true).await;
    assert_eq!((returned.len(), lost), (0, vec![("sleeper".to_owned(), Standing::Expired)]));
    let view: JobView = stage.client().await.get(&format!("/jobs/{cancelled}")).await.unwrap();
    assert!(view.targets[0].reason.as_ref().is_some_and(|why| why.contains("cancelled by")), "{:?}", view.targets);
}
