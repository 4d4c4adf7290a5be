//! Whatever engine is slow or away, who asked soon hears something that makes sense.

use std::time::Duration;

use bot::sounds::Sound;
use mumble::{Scope, Target};
use tokio::time::{sleep, timeout};
use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::{Play, Reply};
use world::{Assistant, Caller, Utterance};

use world::stage::{Stage, tone};

const SENTENCE: Duration = Duration::from_secs(1);

/// Between a question's end and the first sign that it was heard.
const SIGN: std::ops::Range<Duration> = Duration::from_millis(1_000)..Duration::from_millis(1_500);

/// Questions of which most must be within [`SIGN`]: now and then a busy machine is late.
const QUESTIONS: usize = 3;

/// Deadlines well behind the sign, near enough to wait for.
const SETTINGS: [(&str, &str); 5] = [
    ("FILLER_AFTER_MS", "1200"),
    ("WHISPER_DEADLINE_MS", "3000"),
    ("OLLAMA_FIRST_TOKEN_MS", "4000"),
    ("OLLAMA_NEXT_TOKEN_MS", "4000"),
    ("PIPER_DEADLINE_MS", "4000"),
];

fn stage(settings: &[(&str, &str)]) -> Stage {
    let settings: Vec<_> = SETTINGS.iter().chain(settings).copied().collect();
    Stage::set("What time is it?", "It is noon.", SENTENCE, &settings)
}

/// Asks; gives how long it took until something was heard, and what was heard then.
async fn ask(caller: &mut Caller) -> (Duration, Utterance) {
    // What others were told is none of it.
    caller.listens_anew();
    let over = caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
    let heard = caller.hears(Assistant::NAME).await;
    (heard.began.saturating_duration_since(over), heard)
}

fn length(sound: Sound) -> Duration {
    sound.built_in().expect("it is built in").duration()
}

/// Whether this is that prepared sound, by how long it sounds.
fn is(heard: &Utterance, sound: Sound) -> bool {
    // A busy machine stretches a sound by pauses, a long one by more of them.
    let length = length(sound);
    heard.sound.duration().abs_diff(length) < Duration::from_millis(100) + length / 20
}

/// Asks a few times; each time there must be a sign before the turn ends.
async fn gets_signs(stage: &mut Stage) {
    let mut ann = stage.caller("Ann").await;
    let mut silences = Vec::new();
    for _ in 0..QUESTIONS {
        let (silence, heard) = ask(&mut ann).await;
        assert!(is(&heard, Sound::Moment), "{:?}", heard.sound.duration());
        silences.push(silence);
        // What comes after the sign: an apology.
        ann.hears(Assistant::NAME).await;
        stage.assistant.reports().await;
    }
    silences.sort();
    assert!(silences[0] >= SIGN.start, "{silences:?}");
    assert!(silences[QUESTIONS / 2] < SIGN.end, "{silences:?}");
}

#[tokio::test]
async fn a_sign_is_heard_while_the_recogniser_hangs() {
    let mut stage = stage(&[]);
    stage.stt.always(Play::Hang);
    gets_signs(&mut stage).await;
}

#[tokio::test]
async fn a_sign_is_heard_while_the_model_hangs() {
    let mut stage = stage(&[]);
    stage.chat.always(Play::Hang);
    gets_signs(&mut stage).await;
}

#[tokio::test]
async fn a_sign_is_heard_while_the_synthesiser_hangs() {
    let mut stage = stage(&[]);
    stage.tts.always(Play::Hang);
    gets_signs(&mut stage).await;
}

#[tokio::test]
async fn an_answer_in_time_needs_no_sign() {
    let mut stage = stage(&[]);
    let mut ann = stage.caller("Ann").await;
    let (silence, heard) = ask(&mut ann).await;
    assert!(silence < SIGN.start, "{silence:?}");
    let sound = heard.sound.duration();
    assert!(sound.abs_diff(SENTENCE) < SENTENCE / 10, "{sound:?}");
    // Nor does one come behind it.
    stage.assistant.reports().await.expect("it was answered");
    let (_, heard) = ask(&mut ann).await;
    let sound = heard.sound.duration();
    assert!(sound.abs_diff(SENTENCE) < SENTENCE / 10, "{sound:?}");
}

#[tokio::test]
async fn an_answer_that_is_ready_during_the_sign_follows_it_at_once() {
    let mut stage = stage(&[]);
    let mut ann = stage.caller("Ann").await;
    let late = Play::Late(Duration::from_millis(1_350), "It is noon.".into());
    stage.chat.always(late);
    let (_, heard) = ask(&mut ann).await;
    let both = length(Sound::Moment) + SENTENCE;
    let sound = heard.sound.duration();
    assert!(
        sound.abs_diff(both) < Duration::from_millis(100),
        "{sound:?}"
    );
    // The times are the answer's: they do not end at the sign.
    let stages = stage.assistant.reports().await.expect("it was answered");
    assert!(stages.total > SIGN.start, "{stages:?}");
    // And the sign is not remembered as something that was said.
    ask(&mut ann).await;
    let prompts = stage.prompts();
    let of_the_assistant = prompts[1].iter().filter(|(role, _)| role == "assistant");
    let said: Vec<_> = of_the_assistant.map(|(_, text)| text.as_str()).collect();
    assert_eq!(said, ["It is noon."]);
}

#[tokio::test]
async fn a_long_wait_is_not_silent_either() {
    let stage = stage(&[("OLLAMA_FIRST_TOKEN_MS", "12000")]);
    let mut ann = stage.caller("Ann").await;
    stage.chat.always(Play::Hang);
    let (_, first) = ask(&mut ann).await;
    let second = ann.hears(Assistant::NAME).await;
    assert!(is(&first, Sound::Moment), "{:?}", first.sound.duration());
    assert!(
        is(&second, Sound::StillBusy),
        "{:?}",
        second.sound.duration()
    );
    assert!(second.began - first.ended < Duration::from_secs(7));
}

#[tokio::test]
async fn who_may_talk_to_others_gets_a_sign_only_once_their_words_are_known() {
    let named = [("ANSWER", "named"), ("ASSISTANT_NAMES", "Robin")];
    let stage = stage(&named);
    let mut ann = stage.caller("Ann").await;
    let recogniser_needs = Duration::from_secs(2);
    let text = "Robin, what time is it?".to_owned();
    stage.stt.always(Play::Late(recogniser_needs, text));
    stage.chat.always(Play::Hang);
    let (silence, heard) = ask(&mut ann).await;
    assert!(is(&heard, Sound::Moment), "{:?}", heard.sound.duration());
    // The recogniser was asked at a pause at the earliest, which is part of the question.
    assert!(silence > SIGN.end, "{silence:?}");
}

#[tokio::test]
async fn who_whispers_gets_a_whispered_sign() {
    let stage = stage(&[]);
    let mut ann = stage.caller("Ann").await;
    let mut ben = stage.caller("Ben").await;
    stage.chat.always(Play::Hang);
    let roster = ann.client().roster();
    let assistant = roster.users().find(|user| user.name == Assistant::NAME);
    let target = Target::Users(vec![assistant.unwrap().session]);
    let mut speech = ann.client().speak_to(target);
    let sound = question::spoken(CAPITAL_OF_FRANCE).await;
    speech.push(sound).await.unwrap();
    speech.finish().done().await.unwrap();
    let sign = ann.hears(Assistant::NAME).await;
    assert!(is(&sign, Sound::Moment), "{:?}", sign.sound.duration());
    assert_eq!(ann.scopes_of(Assistant::NAME), [Scope::Whisper]);
    // What Ben reads next was written after it: of the sign he has heard nothing.
    ann.write("Did anybody hear that?");
    assert_eq!(ben.reads().await.text, "Did anybody hear that?");
    assert!(ben.heard_of(Assistant::NAME).is_empty());
}

/// Asks; gives what is heard of it besides the sign that it was heard.
async fn is_told(caller: &mut Caller) -> Utterance {
    let (_, heard) = ask(caller).await;
    if is(&heard, Sound::Moment) {
        caller.hears(Assistant::NAME).await
    } else {
        heard
    }
}

fn tells(heard: &Utterance, sound: Sound) {
    let (is_now, length) = (heard.sound.duration(), length(sound));
    assert!(
        is(heard, sound),
        "{is_now:?} is not the {length:?} of {sound:?}"
    );
}

/// Breaks and mends an engine; each time everybody is told what is the matter, once.
async fn is_explained_once(
    mut stage: Stage,
    explanation: Sound,
    breaks: impl Fn(&Stage),
    mends: impl Fn(&Stage),
) {
    let mut ann = stage.caller("Ann").await;
    let mut ben = stage.caller("Ben").await;
    for _ in 0..2 {
        breaks(&stage);
        for caller in [&mut ann, &mut ben] {
            for sound in [explanation, Sound::StillOut, Sound::StillOut] {
                tells(&is_told(caller).await, sound);
                stage.assistant.reports().await;
            }
        }
        mends(&stage);
        for caller in [&mut ann, &mut ben] {
            let answer = is_told(caller).await.sound.duration();
            assert!(answer.abs_diff(SENTENCE) < SENTENCE / 10, "{answer:?}");
            stage.assistant.reports().await.expect("it was answered");
        }
    }
}

/// Everybody is answered, and no breaker opens: it is about what is said, not when.
const PATIENT: [(&str, &str); 4] = [
    ("ANSWER", "always"),
    ("WHISPER_CIRCUIT_THRESHOLD", "100"),
    ("OLLAMA_CIRCUIT_THRESHOLD", "100"),
    ("PIPER_CIRCUIT_THRESHOLD", "100"),
];

#[tokio::test]
async fn a_recogniser_that_is_out_is_explained_once_to_each() {
    let well = || Play::Answer("What time is it?".to_owned());
    is_explained_once(
        stage(&PATIENT),
        Sound::NotHeard,
        |stage| stage.stt.always(Play::Status(500)),
        |stage| stage.stt.always(well()),
    )
    .await;
}

#[tokio::test]
async fn a_model_that_is_out_is_explained_once_to_each() {
    let well = || Play::Answer(Reply::from("It is noon."));
    is_explained_once(
        stage(&PATIENT),
        Sound::NoThought,
        |stage| stage.chat.always(Play::Status(500)),
        |stage| stage.chat.always(well()),
    )
    .await;
}

#[tokio::test]
async fn a_synthesiser_that_is_out_is_explained_once_to_each() {
    is_explained_once(
        stage(&PATIENT),
        Sound::NoVoice,
        |stage| stage.tts.always(Play::Status(500)),
        |stage| stage.tts.always(Play::Answer(tone(SENTENCE))),
    )
    .await;
}

#[tokio::test]
async fn a_model_that_comes_back_answers_nothing_stale() {
    let stage = stage(&[("OLLAMA_CIRCUIT_THRESHOLD", "2")]);
    let mut ann = stage.caller("Ann").await;
    stage
        .stt
        .always(Play::Answer("What is the old question?".into()));
    stage.chat.always(Play::Hang);
    for sound in [Sound::NoThought, Sound::StillOut] {
        tells(&is_told(&mut ann).await, sound);
    }
    // From now on nobody waits for it.
    for _ in 0..3 {
        let (silence, heard) = ask(&mut ann).await;
        tells(&heard, Sound::StillOut);
        assert!(silence < SIGN.start, "{silence:?}");
    }
    let before = stage.questions().len();
    stage
        .stt
        .always(Play::Answer("What is the new question?".into()));
    stage.chat.always(Play::Answer("It is noon.".into()));
    while is(&is_told(&mut ann).await, Sound::StillOut) {}
    let asked = stage.prompts().split_off(before);
    let all = format!("{asked:?}");
    assert_eq!(all.matches("old question").count(), 0, "{all}");
    let [messages] = &asked[..] else {
        panic!("{all}");
    };
    assert_eq!(messages.last().unwrap().1, "What is the new question?");
}

#[tokio::test]
async fn without_any_synthesiser_answers_are_written_and_every_sound_is_there() {
    let mut stage = stage(&[("OLLAMA_FIRST_TOKEN_MS", "12000")]);
    stage.tts.stop();
    let mut ann = stage.caller("Ann").await;
    for sound in [Sound::NoVoice, Sound::StillOut, Sound::StillOut] {
        tells(&is_told(&mut ann).await, sound);
        assert_eq!(ann.reads().await.text, "It is noon.");
    }
    stage.stt.always(Play::Status(500));
    tells(&is_told(&mut ann).await, Sound::NotHeard);
    stage.stt.always(Play::Answer("What time is it?".into()));
    stage.chat.always(Play::Status(500));
    tells(&is_told(&mut ann).await, Sound::NoThought);
    stage.chat.always(Play::Hang);
    tells(&ask(&mut ann).await.1, Sound::Moment);
    tells(&ann.hears(Assistant::NAME).await, Sound::StillBusy);
    assert!(stage.tts.seen().is_empty(), "it was never there");
}

#[tokio::test]
async fn who_writes_is_told_once_as_well() {
    let stage = stage(&PATIENT);
    let mut ann = stage.caller("Ann").await;
    let mut ben = stage.caller("Ben").await;
    stage.chat.always(Play::Status(500));
    for caller in [&mut ann, &mut ben] {
        for sound in [Sound::NoThought, Sound::StillOut, Sound::StillOut] {
            caller.write_to(Assistant::NAME, "What time is it?");
            assert_eq!(caller.reads().await.text, sound.sentence());
        }
    }
    stage.chat.always(Play::Answer("It is noon.".into()));
    ann.write_to(Assistant::NAME, "What time is it?");
    assert_eq!(ann.reads().await.text, "It is noon.");
}

/// Waits until the assistant's comment is like this.
async fn comments(caller: &Caller, like: impl Fn(&str) -> bool) -> String {
    let roster = caller.client().roster();
    let mut users = roster.users();
    let assistant = users.find(|user| user.name == Assistant::NAME);
    let assistant = assistant.expect("it is on the server").session;
    let found = async {
        loop {
            if let Ok(comment) = caller.client().comment_of(assistant).await
                && like(&comment)
            {
                return comment;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let found = timeout(Duration::from_secs(60), found).await;
    found.expect("the comment tells it in time")
}

#[tokio::test]
async fn the_comment_tells_what_is_out_and_when_it_is_back() {
    let mut stage = stage(&[("PIPER_CIRCUIT_THRESHOLD", "1")]);
    let mut ann = stage.caller("Ann").await;
    let usual = comments(&ann, |comment| comment.contains("I am a voice assistant")).await;
    stage.tts.stop();
    tells(&is_told(&mut ann).await, Sound::NoVoice);
    let now = comments(&ann, |comment| comment != usual).await;
    let right_now = now.strip_prefix(&usual).expect("the usual stands first");
    assert!(right_now.contains("my voice is out since"), "{now}");
    stage.tts.start_again();
    comments(&ann, |comment| comment == usual).await;
}
