package rules

import (
	"fmt"
	"time"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/robfig/cron/v3"
)

// Options is the "options" object of a rule.
type Options struct {
	EventTime          bool
	LateTolerance      time.Duration
	IdleTimeout        time.Duration
	LateStream         string
	Concurrency        int
	BufferLength       int
	SendMeta           bool
	SendNil            bool
	SendError          bool
	QoS                int
	CheckpointInterval time.Duration
	Restart            Restart
	Cron               string
	Duration           time.Duration
	Ranges             []Range
	Debug              bool
	Block              bool // disableBufferFullDiscard
}

// Restart says what to do when a run fails.
type Restart struct {
	Attempts   int // 0: stay stopped
	Delay      time.Duration
	Multiplier float64
	MaxDelay   time.Duration
	Jitter     float64
}

// Range is a span of time in which a rule may run.
type Range struct{ Begin, End time.Time }

// declare binds the options to a parameter set. The order is that of the
// documentation.
func (o *Options) declare(p *param.Set, ranges *any, restart *map[string]any) {
	t := param.T
	p.Bool(&o.EventTime, "isEventTime", false, t("order and window rows by the stream's TIMESTAMP column", "按流的 TIMESTAMP 列排序与开窗"))
	p.Duration(&o.LateTolerance, "lateTolerance", time.Second, t("how far behind the newest row a row may arrive", "行允许迟到的时间"))
	p.Duration(&o.IdleTimeout, "idleTimeout", time.Minute, t("event time with several streams: how long a silent one is waited for, 0: for ever", "多流事件时间下等待静默流的最长时间，0 表示一直等待"))
	p.String(&o.LateStream, "lateStream", "", t("memory topic to which late rows are sent, with all their columns", "接收迟到行（含全部列）的内存主题"))
	p.Int(&o.Concurrency, "concurrency", 1, t("goroutines for stateless operators", "无状态算子的并发数"))
	p.Int(&o.BufferLength, "bufferLength", 1024, t("rows that may wait in front of the rule", "规则前可等待的行数"))
	p.Bool(&o.SendMeta, "sendMetaToSink", false, t("add the metadata of the event to each row as __meta", "将事件元数据以 __meta 附加到每行"))
	p.Bool(&o.SendNil, "sendNilField", false, t("send NULL columns as null", "以 null 发送空列"))
	p.Bool(&o.SendError, "sendError", false, t("send errors of rows to the sinks", "将行错误发送到目标"))
	p.Int(&o.QoS, "qos", 0, t("0: no checkpoints, 1: at least once, 2: exactly once", "0：无检查点，1：至少一次，2：恰好一次"))
	p.Duration(&o.CheckpointInterval, "checkpointInterval", 5*time.Minute, t("time between two checkpoints", "检查点间隔"))
	p.Object(restart, "restartStrategy", nil, t("what to do when the rule fails", "规则失败时的处理"))
	p.String(&o.Cron, "cron", "", t("when the rule starts, five cron fields; needs duration", "启动时间（五段 cron），需配合 duration"))
	p.Duration(&o.Duration, "duration", 0, t("how long each run lasts", "每次运行的时长"))
	p.Any(ranges, "cronDatetimeRange", nil, t("spans of time in which the rule may run", "规则可运行的时间段"))
	p.Bool(&o.Debug, "debug", false, t("log the rule in detail", "输出规则调试日志"))
	p.Bool(&o.Block, "disableBufferFullDiscard", false, t("a full buffer holds the source back instead of dropping rows", "缓冲满时阻塞数据源而非丢弃"))
	// Options of other releases that mean nothing to this engine.
	p.Accept("logFilename", "enableSaveStateBeforeStop", "forceExitTimeout", "planOptimizeStrategy", "notifySub", "experiment",
		"enableRuleTracer", "cronDatetimeRangeTimezone")
}

// OptionParams declares the options of a rule, for forms and reference pages.
func OptionParams(p *param.Set) {
	var ranges any
	var restart map[string]any
	new(Options).declare(p, &ranges, &restart)
}

// parseOptions reads a rule's options over the configured defaults.
func parseOptions(defaults, given map[string]any, loc *time.Location) (Options, error) {
	var o Options
	var ranges any
	var restart map[string]any
	p := param.New("the options block")
	o.declare(p, &ranges, &restart)
	for _, props := range []map[string]any{defaults, given} { // Bind leaves what is not given
		if err := p.Bind(props); err != nil {
			return o, err
		}
	}
	if err := o.Restart.parse(restart); err != nil {
		return o, err
	}
	var err error
	if o.Ranges, err = parseRanges(ranges, loc); err != nil {
		return o, err
	}
	return o, o.check()
}

func (r *Restart) parse(props map[string]any) error {
	p := param.New("restartStrategy")
	r.Params(p)
	return p.Bind(props)
}

// Params declares the members of restartStrategy.
func (r *Restart) Params(p *param.Set) {
	t := param.T
	p.Int(&r.Attempts, "attempts", 0, t("how often a failed rule is started again", "失败后的重启次数"))
	p.Duration(&r.Delay, "delay", time.Second, t("wait before the first", "首次重启前的等待"))
	p.Float(&r.Multiplier, "multiplier", 2, t("growth of the wait", "等待时间的倍数"))
	p.Duration(&r.MaxDelay, "maxDelay", 30*time.Second, t("longest wait", "最长等待"))
	p.Float(&r.Jitter, "jitterFactor", 0.1, t("random part of the wait", "等待时间的随机比例"), param.Alias("jitter"))
}

// check refuses values out of range, in Kuiper's words.
func (o *Options) check() error {
	refuse := func(name, text string) error { return diag.New(diag.Undefined, "%s:%s", name, text) }
	switch {
	case o.LateTolerance < 0:
		return refuse("invalidLateTol", "lateTolerance must be greater than 0.")
	case o.IdleTimeout < 0:
		return refuse("invalidIdleTimeout", "idleTimeout must not be negative.")
	case o.LateStream != "" && topic.CheckName(o.LateStream) != nil:
		return refuse("invalidLateStream", topic.CheckName(o.LateStream).Error()+".")
	case o.Concurrency <= 0:
		return refuse("invalidConcurrency", "concurrency must be greater than 0.")
	case o.BufferLength <= 0:
		return refuse("invalidBufferLength", "bufferLength must be greater than 0.")
	case o.QoS < 0 || o.QoS > 2:
		return refuse("invalidQos", "qos must be 0, 1 or 2.")
	case o.CheckpointInterval <= 0:
		return refuse("invalidCheckpointInterval", "checkpointInterval must be greater than 0.")
	case o.Duration < 0:
		return refuse("invalidDuration", "duration must not be negative.")
	}
	if err := o.Restart.check(refuse); err != nil {
		return err
	}
	if o.Cron == "" {
		return nil
	}
	if _, err := cron.ParseStandard(o.Cron); err != nil {
		return refuse("invalidCron", fmt.Sprintf("cron %q: %v.", o.Cron, err))
	}
	if o.Duration <= 0 {
		return refuse("invalidCron", "cron needs duration, the length of each run.")
	}
	return nil
}

func (r *Restart) check(refuse func(name, text string) error) error {
	switch {
	case r.Attempts < 0:
		return refuse("invalidRestartAttempts", "restart attempts must not be negative.")
	case r.Delay < 0 || r.Attempts > 0 && r.Delay == 0:
		return refuse("invalidRestartDelay", "restart delay must be greater than 0.")
	case r.Multiplier <= 0:
		return refuse("invalidRestartMultiplier", "restart multiplier must be greater than 0.")
	case r.MaxDelay < 0:
		return refuse("invalidRestartMaxDelay", "restart maxDelay must not be negative.")
	case r.Jitter < 0 || r.Jitter >= 1:
		return refuse("invalidRestartJitterFactor", "restart jitterFactor must be from 0 to 1.")
	}
	return nil
}

// wait is how long to wait before restart number n, from 0. random is from 0
// to 1.
func (r *Restart) wait(n int, random float64) time.Duration {
	d := float64(r.Delay)
	for range n {
		if d *= r.Multiplier; d >= float64(r.MaxDelay) {
			break
		}
	}
	d = min(d, float64(r.MaxDelay))
	return time.Duration(d * (1 + r.Jitter*(2*random-1)))
}

// rangeLayout is the layout of begin and end of a cronDatetimeRange.
const rangeLayout = "2006-01-02 15:04:05"

func parseRanges(x any, loc *time.Location) ([]Range, error) {
	if x == nil {
		return nil, nil
	}
	list, ok := x.([]any)
	if !ok {
		return nil, diag.New(diag.Undefined, "cronDatetimeRange must be a list of {begin, end}")
	}
	var out []Range
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, diag.New(diag.Undefined, "cronDatetimeRange %d must be an object with begin and end", i)
		}
		begin, err1 := rangeEnd(m, "begin", loc)
		end, err2 := rangeEnd(m, "end", loc)
		for _, err := range []error{err1, err2} {
			if err != nil {
				return nil, diag.New(diag.Undefined, "cronDatetimeRange %d: %v", i, err)
			}
		}
		if !end.After(begin) {
			return nil, diag.New(diag.Undefined, "cronDatetimeRange %d: end is not after begin", i)
		}
		out = append(out, Range{begin, end})
	}
	return out, nil
}

func rangeEnd(m map[string]any, name string, loc *time.Location) (time.Time, error) {
	if ms, ok := m[name+"Timestamp"].(float64); ok && ms != 0 {
		return time.UnixMilli(int64(ms)), nil
	}
	text, ok := m[name].(string)
	if !ok {
		return time.Time{}, fmt.Errorf("%s is missing", name)
	}
	t, err := time.ParseInLocation(rangeLayout, text, loc)
	if err != nil {
		return t, fmt.Errorf("%s %q is not a time such as %q", name, text, rangeLayout)
	}
	return t, nil
}
