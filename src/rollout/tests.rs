use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use timefleet_agent::host::message::Outcome;
use tokio::sync::Notify;

use super::*;

const LIMITS: Limits = Limits { forks: 64, deadline: Duration::from_secs(60) };

fn well() -> Result<Conversation, Broken> {
    let outcome = Outcome::Done { steps: vec![], report: None };
    Ok(Conversation { outcome, uploaded: None, connections: 1, channels: 1 })
}

fn down() -> Result<Conversation, Broken> {
    Err(Broken { step: "connect".to_owned(), cause: "no answer".to_owned(), hint: None })
}

fn words(ended: &[Ended]) -> Vec<String> {
    ended
        .iter()
        .map(|host| match &host.end {
            End::Talked(_) => "talked".to_owned(),
            End::Broke(broken) => format!("{}: {}", broken.step, broken.cause),
            End::NotStarted => "not started".to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_later_wave_begins_when_the_one_before_has_ended_even_badly() {
    let (_told, stop) = watch::channel(Stop::Not);
    let order = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&order);
    let ended = roll_out(3, &[vec![2], vec![0, 1]], LIMITS, stop, move |host, _| {
        let order = Arc::clone(&heard);
        async move {
            order.lock().unwrap().push(host);
            if host == 2 { down() } else { well() }
        }
    })
    .await;
    assert_eq!(words(&ended), ["talked", "talked", "connect: no answer"]);
    assert_eq!(order.lock().unwrap()[0], 2);
}

#[tokio::test]
async fn a_panic_is_the_end_of_its_own_host_only() {
    let (_told, stop) = watch::channel(Stop::Not);
    let ended = roll_out(2, &[vec![0, 1]], LIMITS, stop, |host, _| async move {
        assert_ne!(host, 0, "a defect");
        well()
    })
    .await;
    let words = words(&ended);
    assert!(words[0].starts_with("conversation: a defect in timefleet ended it: "), "{}", words[0]);
    assert_eq!(words[1], "talked");
}

#[tokio::test]
async fn no_more_than_forks_talk_at_once() {
    let (_told, stop) = watch::channel(Stop::Not);
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let wave: Vec<usize> = (0..20).collect();
    let limits = Limits { forks: 3, ..LIMITS };
    let record = Arc::clone(&most);
    let ended = roll_out(20, &[wave], limits, stop, move |_, _| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&record));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            well()
        }
    })
    .await;
    assert_eq!(words(&ended), vec!["talked"; 20]);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_ends_at_its_deadline_and_holds_nobody_up() {
    let (_told, stop) = watch::channel(Stop::Not);
    let ended = roll_out(2, &[vec![0, 1]], LIMITS, stop, |host, _| async move {
        if host == 0 {
            std::future::pending::<()>().await;
        }
        well()
    })
    .await;
    assert_eq!(words(&ended), ["conversation: not at its end after 60 s", "talked"]);
}

#[tokio::test]
async fn the_first_ctrl_c_lets_hosts_finish_and_starts_no_new_ones() {
    let (told, stop) = watch::channel(Stop::Not);
    let told = Arc::new(told);
    let limits = Limits { forks: 1, ..LIMITS };
    let ended = roll_out(3, &[vec![0, 1], vec![2]], limits, stop, move |_, _| {
        let told = Arc::clone(&told);
        async move {
            told.send_replace(Stop::NoNewHosts);
            tokio::task::yield_now().await;
            well()
        }
    })
    .await;
    assert_eq!(words(&ended), ["talked", "not started", "not started"]);
}

#[tokio::test]
async fn the_second_ctrl_c_leaves_hosts_that_are_under_way() {
    let (told, stop) = watch::channel(Stop::Not);
    let begun = Arc::new(Notify::new());
    let run = {
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            roll_out(2, &[vec![0], vec![1]], LIMITS, stop, move |_, _| {
                let begun = Arc::clone(&begun);
                async move {
                    begun.notify_one();
                    std::future::pending().await
                }
            })
            .await
        })
    };
    begun.notified().await;
    told.send_replace(Stop::Now);
    let ended = run.await.unwrap();
    assert_eq!(words(&ended), ["conversation: interrupted at the second Ctrl-C", "not started"]);
}

#[tokio::test]
async fn a_host_that_lingers_lets_the_next_wave_begin_and_is_heard_last() {
    let (_told, stop) = watch::channel(Stop::Not);
    let order = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&order);
    let limits = Limits { forks: 1, ..LIMITS };
    let ended = roll_out(2, &[vec![0], vec![1]], limits, stop, move |host, mut curtain| {
        let order = Arc::clone(&heard);
        async move {
            if host == 0 {
                curtain.raised().await;
            }
            order.lock().unwrap().push(host);
            well()
        }
    })
    .await;
    assert_eq!(words(&ended), ["talked", "talked"]);
    assert_eq!(*order.lock().unwrap(), [1, 0]);
}
