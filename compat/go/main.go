// Command compat sends and consumes with Apache's Go client, unchanged, and says which of its features work.
//
//	compat -namesrv 127.0.0.1:9876 [-only PATTERN]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

const patience = 60 * time.Second

var (
	namesrv = flag.String("namesrv", "127.0.0.1:9876", "address of the name server")
	except  = flag.String("except", "", "leave out tests whose name begins with one of these, separated by commas")
	only    = flag.String("only", "", "run only tests whose name contains this")
	run     = fmt.Sprintf("go%d", time.Now().UnixNano()%1e9) // topics and groups of one run are its own
)

// tests run one after the other; each returns nil when it passed.
var tests = []struct {
	name string
	test func(topic string) error
}{
	{"send sync, message by message in order of a queue", sendSync},
	{"send async", sendAsync},
	{"send oneway", sendOneway},
	{"send batch", sendBatch},
	{"send a large body", sendLarge},
	{"keys, tag and properties arrive", properties},
	{"push consume, clustering, two consumers share", clustering},
	{"push consume, broadcasting, each gets all", broadcasting},
	{"push consume, tag filter", tagFilter},
	{"push consume, offsets are kept", offsetsKept},
	{"push consume, orderly", orderly},
	{"retry, message comes back", retry},
	{"delayed message", delayed},
	{"transaction, commit and roll back", transaction},
}

func main() {
	flag.Parse()
	rlog.SetLogLevel("fatal")
	passed, failed := 0, 0
	for i, t := range tests {
		if !strings.Contains(t.name, *only) || leftOut(t.name) {
			continue
		}
		if err := t.test(fmt.Sprintf("%s-topic-%d", run, i)); err != nil {
			failed++
			fmt.Printf("FAILED %s: %v\n", t.name, err)
		} else {
			passed++
			fmt.Printf("passed %s\n", t.name)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

func leftOut(name string) bool {
	for _, start := range strings.Split(*except, ",") {
		if start != "" && strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// newProducer is started; the caller shuts it down.
func newProducer(more ...producer.Option) (rocketmq.Producer, error) {
	options := append([]producer.Option{
		producer.WithNameServer([]string{*namesrv}),
		producer.WithGroupName(run + "-producer"),
		producer.WithRetry(2),
	}, more...)
	p, err := rocketmq.NewProducer(options...)
	if err != nil {
		return nil, err
	}
	return p, p.Start()
}

// send sends the messages one by one with a producer of its own.
func send(messages ...*primitive.Message) ([]*primitive.SendResult, error) {
	p, err := newProducer()
	if err != nil {
		return nil, err
	}
	defer p.Shutdown()
	var results []*primitive.SendResult
	for _, m := range messages {
		r, err := p.SendSync(context.Background(), m)
		if err != nil {
			return nil, err
		}
		if r.Status != primitive.SendOK {
			return nil, fmt.Errorf("send status %d", r.Status)
		}
		results = append(results, r)
	}
	return results, nil
}

// inbox collects what the consumers of a test receive.
type inbox struct {
	sync.Mutex
	got  map[string]int // body, or consumer + body: how often
	seen []*primitive.MessageExt
}

func newInbox() *inbox { return &inbox{got: map[string]int{}} }

func (b *inbox) put(prefix string, m *primitive.MessageExt) {
	b.Lock()
	defer b.Unlock()
	b.got[prefix+string(m.Body)]++
	b.seen = append(b.seen, m)
}

func (b *inbox) count() int {
	b.Lock()
	defer b.Unlock()
	return len(b.got)
}

func (b *inbox) keys() []string {
	b.Lock()
	defer b.Unlock()
	keys := make([]string, 0, len(b.got))
	for k := range b.got {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// await waits until the inbox holds exactly `want` (and says what is missing or too much otherwise).
func (b *inbox) await(want ...string) error {
	sort.Strings(want)
	if err := until(func() bool { return b.count() >= len(want) }); err != nil {
		return fmt.Errorf("got %v, want %v", b.keys(), want)
	}
	if got := b.keys(); strings.Join(got, "|") != strings.Join(want, "|") {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

func until(fact func() bool) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if fact() {
			return nil
		}
	}
	return fmt.Errorf("waited %v in vain", patience)
}

type handler func(context.Context, *primitive.MessageExt) consumer.ConsumeResult

func consume(group, instance, topic, tags string, h handler, more ...consumer.Option) (rocketmq.PushConsumer, error) {
	options := append([]consumer.Option{
		consumer.WithNameServer([]string{*namesrv}),
		consumer.WithGroupName(run + "-" + group),
		consumer.WithInstance(instance),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithConsumeMessageBatchMaxSize(1),
	}, more...)
	c, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return nil, err
	}
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: tags}
	err = c.Subscribe(topic, selector, func(ctx context.Context, ms ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, m := range ms {
			if r := h(ctx, m); r != consumer.ConsumeSuccess {
				return r, nil
			}
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.Start()
}

func into(b *inbox, prefix string) handler {
	return func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		b.put(prefix, m)
		return consumer.ConsumeSuccess
	}
}

// received consumes the topic from its start until exactly the bodies `want` have come.
func received(topic, tags string, want ...string) (*inbox, error) {
	b := newInbox()
	c, err := consume("group-"+topic, "one", topic, tags, into(b, ""))
	if err != nil {
		return nil, err
	}
	defer c.Shutdown()
	return b, b.await(want...)
}

func bodies(prefix string, count int) []string {
	var all []string
	for i := 0; i < count; i++ {
		all = append(all, fmt.Sprintf("%s%02d", prefix, i))
	}
	return all
}

func messages(topic string, bodies []string) []*primitive.Message {
	var all []*primitive.Message
	for _, b := range bodies {
		all = append(all, primitive.NewMessage(topic, []byte(b)))
	}
	return all
}

func sendSync(topic string) error {
	first, err := send(primitive.NewMessage(topic, []byte("first")))
	if err != nil {
		return err
	}
	p, err := newProducer(producer.WithQueueSelector(producer.NewManualQueueSelector()))
	if err != nil {
		return err
	}
	defer p.Shutdown()
	queue, last := first[0].MessageQueue, first[0].QueueOffset
	for _, b := range bodies("m", 10) {
		m := primitive.NewMessage(topic, []byte(b))
		m.Queue = queue
		r, err := p.SendSync(context.Background(), m)
		if err != nil {
			return err
		}
		if r.QueueOffset != last+1 {
			return fmt.Errorf("queue offset %d after %d", r.QueueOffset, last)
		}
		if len(r.OffsetMsgID) != 32 || r.MsgID == "" {
			return fmt.Errorf("ids %q %q", r.OffsetMsgID, r.MsgID)
		}
		last = r.QueueOffset
	}
	_, err = received(topic, "*", append(bodies("m", 10), "first")...)
	return err
}

func sendAsync(topic string) error {
	p, err := newProducer()
	if err != nil {
		return err
	}
	defer p.Shutdown()
	var wait sync.WaitGroup
	var lock sync.Mutex
	var first error
	for _, m := range messages(topic, bodies("a", 50)) {
		wait.Add(1)
		err := p.SendAsync(context.Background(), func(_ context.Context, r *primitive.SendResult, e error) {
			lock.Lock()
			if first == nil && e != nil {
				first = e
			}
			lock.Unlock()
			wait.Done()
		}, m)
		if err != nil {
			return err
		}
	}
	wait.Wait()
	if first != nil {
		return first
	}
	_, err = received(topic, "*", bodies("a", 50)...)
	return err
}

func sendOneway(topic string) error {
	if _, err := send(primitive.NewMessage(topic, []byte("first"))); err != nil {
		return err // this client asks nobody for the queues of a new topic before it sends oneway
	}
	p, err := newProducer()
	if err != nil {
		return err
	}
	defer p.Shutdown()
	for _, m := range messages(topic, bodies("o", 10)) {
		if err := p.SendOneWay(context.Background(), m); err != nil {
			return err
		}
	}
	_, err = received(topic, "*", append(bodies("o", 10), "first")...)
	return err
}

func sendBatch(topic string) error {
	p, err := newProducer()
	if err != nil {
		return err
	}
	defer p.Shutdown()
	r, err := p.SendSync(context.Background(), messages(topic, bodies("b", 10))...)
	if err != nil {
		return err
	}
	if ids := strings.Count(r.OffsetMsgID, ",") + 1; ids != 10 {
		return fmt.Errorf("%d ids in %q", ids, r.OffsetMsgID)
	}
	_, err = received(topic, "*", bodies("b", 10)...)
	return err
}

func sendLarge(topic string) error {
	large := strings.Repeat("0123456789", 300_000) // the client compresses it
	if _, err := send(primitive.NewMessage(topic, []byte(large))); err != nil {
		return err
	}
	b := newInbox()
	c, err := consume("large", "one", topic, "*", into(b, ""))
	if err != nil {
		return err
	}
	defer c.Shutdown()
	if err := until(func() bool { return b.count() > 0 }); err != nil {
		return err
	}
	got := b.keys()[0]
	for i := range got {
		if i >= len(large) || got[i] != large[i] {
			return fmt.Errorf("%d bytes came, different from byte %d on: %.40q", len(got), i, got[i:])
		}
	}
	if len(got) != len(large) {
		return fmt.Errorf("%d of %d bytes came", len(got), len(large))
	}
	return nil
}

func properties(topic string) error {
	m := primitive.NewMessage(topic, []byte("with all"))
	m.WithTag("TagA").WithKeys([]string{"k1", "k2"})
	m.WithProperty("colour", "blue")
	r, err := send(m)
	if err != nil {
		return err
	}
	b, err := received(topic, "*", "with all")
	if err != nil {
		return err
	}
	got := b.seen[0]
	if got.GetTags() != "TagA" || got.GetKeys() != "k1 k2" || got.GetProperty("colour") != "blue" {
		return fmt.Errorf("tag %q keys %q colour %q", got.GetTags(), got.GetKeys(), got.GetProperty("colour"))
	}
	if got.MsgId != r[0].MsgID || got.OffsetMsgId != r[0].OffsetMsgID || got.QueueOffset != r[0].QueueOffset {
		return fmt.Errorf("ids %q %q, sent as %q %q", got.MsgId, got.OffsetMsgId, r[0].MsgID, r[0].OffsetMsgID)
	}
	return nil
}

func clustering(topic string) error {
	if _, err := send(primitive.NewMessage(topic, []byte("first"))); err != nil {
		return err
	}
	b := newInbox()
	for _, name := range []string{"one", "two"} {
		c, err := consume("cluster", name, topic, "*", into(b, ""))
		if err != nil {
			return err
		}
		defer c.Shutdown()
	}
	if _, err := send(messages(topic, bodies("c", 40))...); err != nil {
		return err
	}
	return b.await(append(bodies("c", 40), "first")...)
}

func broadcasting(topic string) error {
	if _, err := send(primitive.NewMessage(topic, []byte("first"))); err != nil {
		return err
	}
	b := newInbox()
	var want []string
	for _, name := range []string{"one", "two"} {
		c, err := consume("broadcast", name, topic, "*", into(b, name+":"), consumer.WithConsumerModel(consumer.BroadCasting))
		if err != nil {
			return err
		}
		defer c.Shutdown()
		want = append(want, name+":first")
		want = append(want, bodies(name+":x", 10)...)
	}
	if _, err := send(messages(topic, bodies("x", 10))...); err != nil {
		return err
	}
	return b.await(want...)
}

func tagFilter(topic string) error {
	var all []*primitive.Message
	for i, b := range bodies("t", 12) {
		m := primitive.NewMessage(topic, []byte(b))
		m.WithTag([]string{"TagA", "TagB", "TagC"}[i%3])
		all = append(all, m)
	}
	// "Aa" and "BB" have the same hash code in Java, which is all that the broker compares: the client looks again.
	for _, tag := range []string{"Aa", "BB"} {
		m := primitive.NewMessage(topic, []byte(tag))
		m.WithTag(tag)
		all = append(all, m)
	}
	if _, err := send(all...); err != nil {
		return err
	}
	_, err := received(topic, "TagA || TagC || Aa", "t00", "t02", "t03", "t05", "t06", "t08", "t09", "t11", "Aa")
	return err
}

func offsetsKept(topic string) error {
	if _, err := send(messages(topic, bodies("old", 5))...); err != nil {
		return err
	}
	if _, err := received(topic, "*", bodies("old", 5)...); err != nil {
		return err
	}
	if _, err := send(messages(topic, bodies("new", 5))...); err != nil {
		return err
	}
	_, err := received(topic, "*", bodies("new", 5)...) // the same group again: it goes on where it stopped
	return err
}

func orderly(topic string) error {
	r, err := send(primitive.NewMessage(topic, []byte("first")))
	if err != nil {
		return err
	}
	p, err := newProducer(producer.WithQueueSelector(producer.NewManualQueueSelector()))
	if err != nil {
		return err
	}
	defer p.Shutdown()
	for _, text := range bodies("s", 20) {
		m := primitive.NewMessage(topic, []byte(text))
		m.Queue = r[0].MessageQueue
		if _, err := p.SendSync(context.Background(), m); err != nil {
			return err
		}
	}
	b := newInbox()
	c, err := consume("orderly", "one", topic, "*", into(b, ""), consumer.WithConsumerOrder(true))
	if err != nil {
		return err
	}
	defer c.Shutdown()
	if err := b.await(append(bodies("s", 20), "first")...); err != nil {
		return err
	}
	b.Lock()
	defer b.Unlock()
	for i, m := range b.seen[1:] {
		if want := fmt.Sprintf("s%02d", i); string(m.Body) != want {
			return fmt.Errorf("message %d is %q, want %q", i, m.Body, want)
		}
	}
	return nil
}

func retry(topic string) error {
	if _, err := send(messages(topic, []string{"good", "bad"})...); err != nil {
		return err
	}
	b := newInbox()
	c, err := consume("retry", "one", topic, "*", func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		b.put(fmt.Sprintf("%d:", m.ReconsumeTimes), m)
		if string(m.Body) == "bad" && m.ReconsumeTimes < 2 {
			if cc, ok := primitive.GetConcurrentlyCtx(ctx); ok {
				cc.DelayLevelWhenNextConsume = 1
			}
			return consumer.ConsumeRetryLater
		}
		return consumer.ConsumeSuccess
	})
	if err != nil {
		return err
	}
	defer c.Shutdown()
	return b.await("0:good", "0:bad", "1:bad", "2:bad")
}

func delayed(topic string) error {
	m := primitive.NewMessage(topic, []byte("later"))
	m.WithDelayTimeLevel(2) // 5 s, or 2 s with compat/broker.conf
	sent := time.Now()
	if _, err := send(m); err != nil {
		return err
	}
	if _, err := received(topic, "*", "later"); err != nil {
		return err
	}
	if waited := time.Since(sent); waited < 1800*time.Millisecond {
		return fmt.Errorf("came after %v already", waited)
	}
	return nil
}

// decide is a transaction listener that takes its decision from the body.
type decide struct{}

func (decide) ExecuteLocalTransaction(m *primitive.Message) primitive.LocalTransactionState {
	switch string(m.Body) {
	case "commit":
		return primitive.CommitMessageState
	case "roll back":
		return primitive.RollbackMessageState
	}
	return primitive.UnknowState
}

func (decide) CheckLocalTransaction(m *primitive.MessageExt) primitive.LocalTransactionState {
	return primitive.CommitMessageState
}

func transaction(topic string) error {
	p, err := rocketmq.NewTransactionProducer(decide{}, producer.WithNameServer([]string{*namesrv}),
		producer.WithGroupName(run+"-transaction"))
	if err != nil {
		return err
	}
	if err = p.Start(); err != nil {
		return err
	}
	defer p.Shutdown()
	for _, body := range []string{"roll back", "commit"} {
		if _, err := p.SendMessageInTransaction(context.Background(), primitive.NewMessage(topic, []byte(body))); err != nil {
			return err
		}
	}
	_, err = received(topic, "*", "commit")
	return err
}
