CREATE TABLE puhui.app_user (
	name TEXT NOT NULL,
	version INTEGER NOT NULL,
	role TEXT NOT NULL,
	passphrase_hash TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_by TEXT NOT NULL,
	CONSTRAINT pk_app_user PRIMARY KEY (name, version)
);
COMMENT ON TABLE puhui.app_user IS 'portal: the highest version of a name is in force';
CREATE TABLE puhui.artifact (
	path TEXT NOT NULL,
	business_date DATE NOT NULL,
	kind TEXT NOT NULL,
	reference TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	size BIGINT NOT NULL,
	CONSTRAINT pk_artifact PRIMARY KEY (path)
);
CREATE INDEX ix_artifact_business_date ON puhui.artifact (business_date);
COMMENT ON TABLE puhui.artifact IS 'publish (payout files: release): a file that left is a function of rows and can be written again';
COMMENT ON COLUMN puhui.artifact.path IS 'relative to the home folder';
COMMENT ON COLUMN puhui.artifact.kind IS 'report statement receipt payout close';
CREATE TABLE puhui.audit (
	seq BIGSERIAL NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	actor TEXT NOT NULL,
	login TEXT NOT NULL,
	verb TEXT NOT NULL,
	detail TEXT NOT NULL,
	previous TEXT NOT NULL,
	digest TEXT NOT NULL,
	CONSTRAINT pk_audit PRIMARY KEY (seq)
);
COMMENT ON TABLE puhui.audit IS 'portal: every change by a person, chained by digest';
COMMENT ON COLUMN puhui.audit.detail IS 'canonical JSON';
CREATE TABLE puhui.card_token (
	card_id BIGINT NOT NULL,
	key_id TEXT NOT NULL,
	token TEXT NOT NULL,
	CONSTRAINT pk_card_token PRIMARY KEY (card_id, key_id),
	CONSTRAINT uq_card_token_key_id_token UNIQUE (key_id, token)
);
COMMENT ON TABLE puhui.card_token IS 'imports and ingest: a surrogate for a card; a key is rotated by further rows';
CREATE TABLE puhui.close_record (
	business_date DATE NOT NULL,
	record TEXT NOT NULL,
	previous TEXT NOT NULL,
	digest TEXT NOT NULL,
	CONSTRAINT pk_close_record PRIMARY KEY (business_date)
);
COMMENT ON TABLE puhui.close_record IS 'close: the chain of closed days';
COMMENT ON COLUMN puhui.close_record.record IS 'canonical JSON';
CREATE TABLE puhui.decision (
	decision_id BIGSERIAL NOT NULL,
	business_date DATE NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	actor TEXT NOT NULL,
	checker TEXT,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	reason TEXT NOT NULL,
	amount_fen BIGINT,
	CONSTRAINT pk_decision PRIMARY KEY (decision_id),
	CONSTRAINT ck_decision_two_people CHECK (checker IS NULL OR checker <> actor)
);
COMMENT ON TABLE puhui.decision IS 'portal: what people decided; the step that takes it writes its own rows';
COMMENT ON COLUMN puhui.decision.decision_id IS '1, 2, 3 … without gaps';
COMMENT ON COLUMN puhui.decision.business_date IS 'the open business date whose night takes it';
COMMENT ON COLUMN puhui.decision.kind IS 'explain suspense adjust write_off waive approve_account';
COMMENT ON COLUMN puhui.decision.subject IS 'discrepancy id, source name, import id';
CREATE TABLE puhui.discrepancy (
	discrepancy_id TEXT NOT NULL,
	business_date DATE NOT NULL,
	kind TEXT NOT NULL,
	channel TEXT NOT NULL,
	ours_id TEXT,
	theirs_id TEXT,
	clearing_date DATE,
	occurred_at TIMESTAMP WITH TIME ZONE,
	reference TEXT,
	ours_fen BIGINT,
	theirs_fen BIGINT,
	difference_fen BIGINT NOT NULL,
	ours_status TEXT,
	theirs_status TEXT,
	payee_no TEXT,
	detail TEXT NOT NULL,
	CONSTRAINT pk_discrepancy PRIMARY KEY (discrepancy_id)
);
CREATE INDEX ix_discrepancy_business_date ON puhui.discrepancy (business_date);
CREATE INDEX ix_discrepancy_ours_id ON puhui.discrepancy (ours_id);
COMMENT ON TABLE puhui.discrepancy IS 'reconcile';
COMMENT ON COLUMN puhui.discrepancy.discrepancy_id IS 'D-<business date>-<number of six digits>';
COMMENT ON COLUMN puhui.discrepancy.kind IS 'outcomes.Discrepancy';
COMMENT ON COLUMN puhui.discrepancy.channel IS 'channel of transactions, or account of money';
COMMENT ON COLUMN puhui.discrepancy.ours_id IS 'transaction_id or end_to_end_id';
COMMENT ON COLUMN puhui.discrepancy.theirs_id IS 'item_id or line_id';
COMMENT ON COLUMN puhui.discrepancy.detail IS 'likely cause, candidates';
CREATE TABLE puhui.entry (
	entry_id BIGSERIAL NOT NULL,
	entry_key TEXT NOT NULL,
	business_date DATE NOT NULL,
	event TEXT NOT NULL,
	summary TEXT NOT NULL,
	CONSTRAINT pk_entry PRIMARY KEY (entry_id),
	CONSTRAINT uq_entry_entry_key UNIQUE (entry_key)
);
CREATE INDEX ix_entry_business_date ON puhui.entry (business_date);
COMMENT ON TABLE puhui.entry IS 'post: the ledger''s only writer';
COMMENT ON COLUMN puhui.entry.entry_id IS '1, 2, 3 … without gaps';
COMMENT ON COLUMN puhui.entry.entry_key IS 'event and what it is about: posting twice is refused';
CREATE TABLE puhui.file (
	file_id BIGSERIAL NOT NULL,
	source TEXT NOT NULL,
	name TEXT NOT NULL,
	delivery INTEGER NOT NULL,
	sha256 TEXT NOT NULL,
	size BIGINT NOT NULL,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_file PRIMARY KEY (file_id),
	CONSTRAINT uq_file_source_name_delivery UNIQUE (source, name, delivery)
);
CREATE INDEX ix_file_sha256 ON puhui.file (sha256);
COMMENT ON TABLE puhui.file IS 'receive: a claimed, archived delivery';
COMMENT ON COLUMN puhui.file.file_id IS '1, 2, 3 … without gaps';
COMMENT ON COLUMN puhui.file.delivery IS '1 for the first time this name came';
CREATE TABLE puhui.import_file (
	import_id BIGSERIAL NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	rows BIGINT NOT NULL,
	imported_at TIMESTAMP WITH TIME ZONE NOT NULL,
	imported_by TEXT NOT NULL,
	CONSTRAINT pk_import_file PRIMARY KEY (import_id)
);
COMMENT ON TABLE puhui.import_file IS 'batch/imports.py: an import is an archived file; rows of the highest import win per key';
COMMENT ON COLUMN puhui.import_file.import_id IS '1, 2, 3 … without gaps';
CREATE TABLE puhui.night (
	business_date DATE NOT NULL,
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	last_import BIGINT NOT NULL,
	config_digest TEXT NOT NULL,
	product_version TEXT NOT NULL,
	CONSTRAINT pk_night PRIMARY KEY (business_date)
);
COMMENT ON TABLE puhui.night IS 'batch/run.py: one row when the night of a business date first begins';
COMMENT ON COLUMN puhui.night.last_import IS 'reference data up to this import is in force tonight';
CREATE TABLE puhui.payout_batch (
	batch_no TEXT NOT NULL,
	business_date DATE NOT NULL,
	execution_date DATE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	maker TEXT NOT NULL,
	account TEXT NOT NULL,
	format TEXT NOT NULL,
	count INTEGER NOT NULL,
	total_fen BIGINT NOT NULL,
	digest TEXT NOT NULL,
	replaces TEXT,
	CONSTRAINT pk_payout_batch PRIMARY KEY (batch_no),
	CONSTRAINT uq_payout_batch_batch_no_maker UNIQUE (batch_no, maker),
	CONSTRAINT ck_payout_batch_pays_something CHECK (total_fen > 0 AND count > 0)
);
COMMENT ON TABLE puhui.payout_batch IS 'settle: drafted';
COMMENT ON COLUMN puhui.payout_batch.batch_no IS 'B-<business date>-<n>';
COMMENT ON COLUMN puhui.payout_batch.created_at IS 'CreDtTm of the file';
COMMENT ON COLUMN puhui.payout_batch.digest IS 'SHA-256 of the file to be released';
COMMENT ON COLUMN puhui.payout_batch.replaces IS 'a batch voided because its date had passed';
CREATE TABLE puhui.run_lease (
	job TEXT NOT NULL,
	fence BIGINT NOT NULL,
	holder TEXT NOT NULL,
	taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_run_lease PRIMARY KEY (job)
);
COMMENT ON TABLE puhui.run_lease IS 'one run at a time; fence grows with every taking and is checked before each commit';
CREATE TABLE puhui.state_entitlements (
	entitlement_no TEXT NOT NULL,
	used_uses BIGINT NOT NULL,
	used_fen BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_entitlements PRIMARY KEY (entitlement_no, business_date)
);
COMMENT ON TABLE puhui.state_entitlements IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.state_lines (
	transaction_id TEXT NOT NULL,
	line BIGINT NOT NULL,
	terms TEXT NOT NULL,
	scheme TEXT NOT NULL,
	version BIGINT NOT NULL,
	entitlement_no TEXT,
	entitled_fen BIGINT NOT NULL,
	granted_fen BIGINT NOT NULL,
	kept_fen BIGINT NOT NULL,
	charged_fen BIGINT NOT NULL,
	charged_uses BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_lines PRIMARY KEY (transaction_id, line, business_date)
);
COMMENT ON TABLE puhui.state_lines IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.state_operations (
	transaction_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	original_id TEXT,
	sale_id TEXT,
	took_effect BOOLEAN NOT NULL,
	undone BOOLEAN NOT NULL,
	gross_fen BIGINT,
	paid_fen BIGINT,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_operations PRIMARY KEY (transaction_id, business_date)
);
CREATE INDEX ix_state_operations_sale_id ON puhui.state_operations (sale_id);
COMMENT ON TABLE puhui.state_operations IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.state_released (
	transaction_id TEXT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_released PRIMARY KEY (transaction_id)
);
COMMENT ON TABLE puhui.state_released IS 'rate: a waiting transaction that waits no longer';
CREATE TABLE puhui.state_sales (
	transaction_id TEXT NOT NULL,
	local_date DATE NOT NULL,
	member_no TEXT,
	merchant_no TEXT,
	district TEXT,
	org TEXT,
	hq_district TEXT,
	gross_fen BIGINT NOT NULL,
	paid_fen BIGINT,
	refunded_gross_fen BIGINT NOT NULL,
	refunded_paid_fen BIGINT NOT NULL,
	voided BOOLEAN NOT NULL,
	reversed BOOLEAN NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_sales PRIMARY KEY (transaction_id, business_date)
);
COMMENT ON TABLE puhui.state_sales IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.state_terms (
	terms TEXT NOT NULL,
	scheme TEXT NOT NULL,
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_terms PRIMARY KEY (terms, business_date)
);
COMMENT ON TABLE puhui.state_terms IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.state_usage (
	scheme TEXT NOT NULL,
	name TEXT NOT NULL,
	measure TEXT NOT NULL,
	per TEXT NOT NULL,
	"window" TEXT NOT NULL,
	member_no TEXT NOT NULL,
	merchant_no TEXT NOT NULL,
	district TEXT NOT NULL,
	org TEXT NOT NULL,
	window_start DATE NOT NULL,
	used BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_usage PRIMARY KEY (scheme, name, measure, per, "window", member_no, merchant_no, district, org, window_start, business_date)
);
COMMENT ON TABLE puhui.state_usage IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.state_waiting (
	transaction_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	original_id TEXT,
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
	member_no TEXT,
	merchant_no TEXT,
	instrument TEXT,
	gross_fen BIGINT,
	claimed_fen BIGINT,
	paid_fen BIGINT,
	business_date DATE NOT NULL,
	CONSTRAINT pk_state_waiting PRIMARY KEY (transaction_id, business_date)
);
COMMENT ON TABLE puhui.state_waiting IS 'rate: the row of the highest business date wins';
CREATE TABLE puhui.statement (
	statement_no TEXT NOT NULL,
	programme TEXT NOT NULL,
	number BIGINT NOT NULL,
	year SMALLINT NOT NULL,
	payee_kind TEXT NOT NULL,
	payee_no TEXT NOT NULL,
	business_date DATE NOT NULL,
	period_from DATE NOT NULL,
	period_to DATE NOT NULL,
	due_date DATE NOT NULL,
	subsidy_fen BIGINT NOT NULL,
	merchant_share_fen BIGINT NOT NULL,
	fee_fen BIGINT NOT NULL,
	adjustment_fen BIGINT NOT NULL,
	brought_fen BIGINT NOT NULL,
	due_fen BIGINT NOT NULL,
	settled_fen BIGINT NOT NULL,
	carried_fen BIGINT NOT NULL,
	holdback_fen BIGINT NOT NULL,
	holdback_until DATE,
	digest TEXT NOT NULL,
	CONSTRAINT pk_statement PRIMARY KEY (statement_no),
	CONSTRAINT uq_statement_programme_year_number UNIQUE (programme, year, number),
	CONSTRAINT uq_statement_programme_payee_kind_payee_no_business_date UNIQUE (programme, payee_kind, payee_no, business_date),
	CONSTRAINT ck_statement_due_adds_up CHECK (due_fen = subsidy_fen - merchant_share_fen - fee_fen + adjustment_fen + brought_fen),
	CONSTRAINT ck_statement_settled_or_carried CHECK (due_fen = settled_fen + carried_fen AND settled_fen >= 0)
);
CREATE INDEX ix_statement_business_date ON puhui.statement (business_date);
COMMENT ON TABLE puhui.statement IS 'settle';
COMMENT ON COLUMN puhui.statement.statement_no IS 'programme code-year-six digits, without gaps';
COMMENT ON COLUMN puhui.statement.due_date IS 'the banking day it is paid on';
COMMENT ON COLUMN puhui.statement.holdback_fen IS 'kept back by this statement, part of carried_fen';
CREATE TABLE puhui.step_run (
	business_date DATE NOT NULL,
	step TEXT NOT NULL,
	fence BIGINT NOT NULL,
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
	summary JSONB NOT NULL,
	CONSTRAINT pk_step_run PRIMARY KEY (business_date, step)
);
COMMENT ON TABLE puhui.step_run IS 'batch/run.py: a step''s effect and this row commit together';
CREATE TABLE puhui.bank_statement (
	statement_id TEXT NOT NULL,
	account TEXT NOT NULL,
	currency TEXT NOT NULL,
	opening_fen BIGINT NOT NULL,
	closing_fen BIGINT NOT NULL,
	statement_date DATE NOT NULL,
	file_id BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_bank_statement PRIMARY KEY (statement_id),
	CONSTRAINT fk_bank_statement_file_id FOREIGN KEY(file_id) REFERENCES puhui.file (file_id)
);
COMMENT ON TABLE puhui.bank_statement IS 'ingest: opening + lines = closing, and opening = the previous closing, or the file is refused';
COMMENT ON COLUMN puhui.bank_statement.statement_id IS 'account:statement';
CREATE TABLE puhui.calendar_day (
	import_id BIGINT NOT NULL,
	date DATE NOT NULL,
	kind TEXT NOT NULL,
	CONSTRAINT pk_calendar_day PRIMARY KEY (import_id, date),
	CONSTRAINT fk_calendar_day_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_calendar_day_date ON puhui.calendar_day (date);
COMMENT ON TABLE puhui.calendar_day IS 'batch/imports.py';
CREATE TABLE puhui.card (
	import_id BIGINT NOT NULL,
	card_id BIGINT NOT NULL,
	card_masked TEXT NOT NULL,
	member_no TEXT NOT NULL,
	instrument TEXT NOT NULL,
	valid_from DATE NOT NULL,
	valid_to DATE,
	CONSTRAINT pk_card PRIMARY KEY (import_id, card_id, valid_from),
	CONSTRAINT fk_card_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_card_card_id_valid_from ON puhui.card (card_id, valid_from);
COMMENT ON TABLE puhui.card IS 'batch/imports.py';
CREATE TABLE puhui.chart_text (
	import_id BIGINT NOT NULL,
	chart TEXT NOT NULL,
	file TEXT NOT NULL,
	yaml TEXT NOT NULL,
	CONSTRAINT pk_chart_text PRIMARY KEY (import_id, chart),
	CONSTRAINT fk_chart_text_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_chart_text_chart ON puhui.chart_text (chart);
COMMENT ON TABLE puhui.chart_text IS 'batch/imports.py';
CREATE TABLE puhui.clearing_item (
	item_id TEXT NOT NULL,
	source TEXT NOT NULL,
	kind TEXT NOT NULL,
	original_key TEXT,
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
	clearing_date DATE NOT NULL,
	rail TEXT NOT NULL,
	merchant_no TEXT,
	terminal_no TEXT,
	card_id BIGINT,
	card_masked TEXT,
	instrument TEXT,
	gross_fen BIGINT,
	paid_fen BIGINT,
	claimed_fen BIGINT,
	fee_fen BIGINT,
	rrn TEXT,
	stan TEXT,
	auth_code TEXT,
	mcc TEXT,
	currency TEXT NOT NULL,
	file_id BIGINT NOT NULL,
	record BIGINT NOT NULL,
	byte_start BIGINT NOT NULL,
	byte_end BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_clearing_item PRIMARY KEY (item_id),
	CONSTRAINT fk_clearing_item_file_id FOREIGN KEY(file_id) REFERENCES puhui.file (file_id)
);
CREATE INDEX ix_clearing_item_business_date ON puhui.clearing_item (business_date);
COMMENT ON TABLE puhui.clearing_item IS 'ingest: the bank''s side';
COMMENT ON COLUMN puhui.clearing_item.item_id IS 'their key; a second copy in their file ends in #2';
COMMENT ON COLUMN puhui.clearing_item.business_date IS 'the night that took it';
CREATE TABLE puhui.contract (
	import_id BIGINT NOT NULL,
	merchant_no TEXT NOT NULL,
	payee_no TEXT NOT NULL,
	cycle TEXT NOT NULL,
	cycle_day SMALLINT,
	minimum_fen BIGINT NOT NULL,
	holdback_ppm BIGINT NOT NULL,
	holdback_days INTEGER NOT NULL,
	fee_ppm BIGINT NOT NULL,
	invoice TEXT NOT NULL,
	valid_from DATE NOT NULL,
	valid_to DATE,
	CONSTRAINT pk_contract PRIMARY KEY (import_id, merchant_no, valid_from),
	CONSTRAINT fk_contract_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_contract_merchant_no_valid_from ON puhui.contract (merchant_no, valid_from);
COMMENT ON TABLE puhui.contract IS 'batch/imports.py';
COMMENT ON COLUMN puhui.contract.payee_no IS 'head office that is paid, or the merchant itself';
COMMENT ON COLUMN puhui.contract.cycle IS 'T+1 weekly monthly day';
COMMENT ON COLUMN puhui.contract.cycle_day IS 'weekly: 1 Monday to 7; day: day of month';
COMMENT ON COLUMN puhui.contract.fee_ppm IS 'of the gross, taken from the subsidy; 0: not taken';
COMMENT ON COLUMN puhui.contract.invoice IS 'none subsidy fee';
CREATE TABLE puhui.discrepancy_event (
	discrepancy_id TEXT NOT NULL,
	seq INTEGER NOT NULL,
	business_date DATE NOT NULL,
	event TEXT NOT NULL,
	actor TEXT NOT NULL,
	checker TEXT,
	reason TEXT NOT NULL,
	evidence TEXT,
	decision_id BIGINT,
	CONSTRAINT pk_discrepancy_event PRIMARY KEY (discrepancy_id, seq),
	CONSTRAINT fk_discrepancy_event_discrepancy_id FOREIGN KEY(discrepancy_id) REFERENCES puhui.discrepancy (discrepancy_id),
	CONSTRAINT fk_discrepancy_event_decision_id FOREIGN KEY(decision_id) REFERENCES puhui.decision (decision_id)
);
CREATE INDEX ix_discrepancy_event_business_date ON puhui.discrepancy_event (business_date);
COMMENT ON TABLE puhui.discrepancy_event IS 'reconcile: the life of a discrepancy; open until its last event is a closing one';
COMMENT ON COLUMN puhui.discrepancy_event.event IS 'auto_closed explained suspense adjusted written_off reopened';
CREATE TABLE puhui.entitlement (
	import_id BIGINT NOT NULL,
	entitlement_no TEXT NOT NULL,
	member_no TEXT NOT NULL,
	scheme TEXT NOT NULL,
	uses BIGINT,
	amount_fen BIGINT,
	valid_from DATE,
	valid_to DATE,
	CONSTRAINT pk_entitlement PRIMARY KEY (import_id, entitlement_no),
	CONSTRAINT fk_entitlement_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_entitlement_entitlement_no ON puhui.entitlement (entitlement_no);
COMMENT ON TABLE puhui.entitlement IS 'batch/imports.py';
CREATE TABLE puhui.entry_line (
	entry_id BIGINT NOT NULL,
	line SMALLINT NOT NULL,
	account TEXT NOT NULL,
	amount_fen BIGINT NOT NULL,
	programme TEXT,
	scheme TEXT,
	sponsor TEXT,
	payee_kind TEXT,
	payee_no TEXT,
	CONSTRAINT pk_entry_line PRIMARY KEY (entry_id, line),
	CONSTRAINT ck_entry_line_moves_something CHECK (amount_fen <> 0),
	CONSTRAINT fk_entry_line_entry_id FOREIGN KEY(entry_id) REFERENCES puhui.entry (entry_id)
);
CREATE INDEX ix_entry_line_account ON puhui.entry_line (account);
COMMENT ON TABLE puhui.entry_line IS 'post; a deferred trigger refuses an entry whose lines do not sum to zero';
COMMENT ON COLUMN puhui.entry_line.amount_fen IS 'debit positive, credit negative';
CREATE TABLE puhui.file_outcome (
	file_id BIGINT NOT NULL,
	business_date DATE NOT NULL,
	status TEXT NOT NULL,
	clearing_date DATE,
	records BIGINT NOT NULL,
	accepted BIGINT NOT NULL,
	rejected BIGINT NOT NULL,
	duplicate BIGINT NOT NULL,
	quarantined BIGINT NOT NULL,
	skipped BIGINT NOT NULL,
	declared_records BIGINT,
	total_fen BIGINT,
	declared_total_fen BIGINT,
	code TEXT,
	message TEXT,
	CONSTRAINT pk_file_outcome PRIMARY KEY (file_id),
	CONSTRAINT ck_file_outcome_rows_add_up CHECK (records = accepted + rejected + duplicate + quarantined + skipped),
	CONSTRAINT fk_file_outcome_file_id FOREIGN KEY(file_id) REFERENCES puhui.file (file_id)
);
COMMENT ON TABLE puhui.file_outcome IS 'ingest: what a delivery became; written in the transaction that stores its rows';
COMMENT ON COLUMN puhui.file_outcome.status IS 'outcomes.FileStatus';
COMMENT ON COLUMN puhui.file_outcome.code IS 'why the whole file was refused';
CREATE TABLE puhui.file_reject (
	file_id BIGINT NOT NULL,
	seq INTEGER NOT NULL,
	record BIGINT NOT NULL,
	byte BIGINT NOT NULL,
	field TEXT NOT NULL,
	code TEXT NOT NULL,
	message TEXT NOT NULL,
	CONSTRAINT pk_file_reject PRIMARY KEY (file_id, seq),
	CONSTRAINT fk_file_reject_file_id FOREIGN KEY(file_id) REFERENCES puhui.file (file_id)
);
COMMENT ON TABLE puhui.file_reject IS 'ingest: rows that could not be read, duplicates and quarantined rows too (code DUPLICATE_ROW, CONFLICT)';
CREATE TABLE puhui.member (
	import_id BIGINT NOT NULL,
	member_no TEXT NOT NULL,
	org TEXT NOT NULL,
	district TEXT NOT NULL,
	status TEXT NOT NULL,
	tags TEXT NOT NULL,
	valid_from DATE,
	valid_to DATE,
	name_sealed TEXT NOT NULL,
	id_sealed TEXT NOT NULL,
	id_index TEXT NOT NULL,
	CONSTRAINT pk_member PRIMARY KEY (import_id, member_no),
	CONSTRAINT fk_member_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_member_member_no ON puhui.member (member_no);
COMMENT ON TABLE puhui.member IS 'batch/imports.py';
COMMENT ON COLUMN puhui.member.name_sealed IS 'encrypted';
COMMENT ON COLUMN puhui.member.id_sealed IS 'encrypted';
COMMENT ON COLUMN puhui.member.id_index IS 'keyed';
CREATE TABLE puhui.merchant (
	import_id BIGINT NOT NULL,
	merchant_no TEXT NOT NULL,
	name TEXT NOT NULL,
	category TEXT NOT NULL,
	district TEXT NOT NULL,
	hq_district TEXT NOT NULL,
	valid_from DATE,
	valid_to DATE,
	CONSTRAINT pk_merchant PRIMARY KEY (import_id, merchant_no),
	CONSTRAINT fk_merchant_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_merchant_merchant_no ON puhui.merchant (merchant_no);
COMMENT ON TABLE puhui.merchant IS 'batch/imports.py';
CREATE TABLE puhui.merchant_store (
	import_id BIGINT NOT NULL,
	store_no TEXT NOT NULL,
	merchant_no TEXT NOT NULL,
	name TEXT NOT NULL,
	district TEXT NOT NULL,
	CONSTRAINT pk_merchant_store PRIMARY KEY (import_id, store_no),
	CONSTRAINT fk_merchant_store_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_merchant_store_store_no ON puhui.merchant_store (store_no);
COMMENT ON TABLE puhui.merchant_store IS 'batch/imports.py';
CREATE TABLE puhui.organisation (
	import_id BIGINT NOT NULL,
	org TEXT NOT NULL,
	name TEXT NOT NULL,
	district TEXT NOT NULL,
	parent TEXT,
	CONSTRAINT pk_organisation PRIMARY KEY (import_id, org),
	CONSTRAINT fk_organisation_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_organisation_org ON puhui.organisation (org);
COMMENT ON TABLE puhui.organisation IS 'batch/imports.py';
CREATE TABLE puhui.payee_account (
	import_id BIGINT NOT NULL,
	payee_kind TEXT NOT NULL,
	payee_no TEXT NOT NULL,
	name_sealed TEXT NOT NULL,
	account_sealed TEXT NOT NULL,
	account_masked TEXT NOT NULL,
	account_index TEXT NOT NULL,
	bank_name TEXT NOT NULL,
	bank_code TEXT NOT NULL,
	valid_from DATE NOT NULL,
	valid_to DATE,
	CONSTRAINT pk_payee_account PRIMARY KEY (import_id, payee_kind, payee_no, valid_from),
	CONSTRAINT fk_payee_account_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_payee_account_payee_kind_payee_no_valid_from ON puhui.payee_account (payee_kind, payee_no, valid_from);
COMMENT ON TABLE puhui.payee_account IS 'batch/imports.py';
COMMENT ON COLUMN puhui.payee_account.name_sealed IS 'encrypted';
COMMENT ON COLUMN puhui.payee_account.account_sealed IS 'encrypted; opened only when a payout file is written';
COMMENT ON COLUMN puhui.payee_account.account_index IS 'keyed';
CREATE TABLE puhui.payout_decision (
	batch_no TEXT NOT NULL,
	step TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	actor TEXT NOT NULL,
	maker TEXT NOT NULL,
	approver TEXT,
	digest TEXT NOT NULL,
	file_name TEXT,
	business_date DATE NOT NULL,
	CONSTRAINT pk_payout_decision PRIMARY KEY (batch_no, step),
	CONSTRAINT fk_payout_decision_batch_no_maker FOREIGN KEY(batch_no, maker) REFERENCES puhui.payout_batch (batch_no, maker),
	CONSTRAINT ck_payout_decision_not_the_maker CHECK (actor <> maker),
	CONSTRAINT ck_payout_decision_second_person CHECK (step <> 'released' OR (approver IS NOT NULL AND approver <> actor))
);
COMMENT ON TABLE puhui.payout_decision IS 'portal: approval and release by people; settle: voided when the execution date has passed';
COMMENT ON COLUMN puhui.payout_decision.step IS 'approved released written sent voided';
COMMENT ON COLUMN puhui.payout_decision.approver IS 'on a release: who approved';
COMMENT ON COLUMN puhui.payout_decision.business_date IS 'the open business date whose night posts it';
CREATE TABLE puhui.payout_hold (
	statement_no TEXT NOT NULL,
	business_date DATE NOT NULL,
	reason TEXT NOT NULL,
	CONSTRAINT pk_payout_hold PRIMARY KEY (statement_no, business_date),
	CONSTRAINT fk_payout_hold_statement_no FOREIGN KEY(statement_no) REFERENCES puhui.statement (statement_no)
);
COMMENT ON TABLE puhui.payout_hold IS 'settle: a payable that is in no live item, and why';
CREATE TABLE puhui.payout_item (
	end_to_end_id TEXT NOT NULL,
	batch_no TEXT NOT NULL,
	statement_no TEXT NOT NULL,
	attempt SMALLINT NOT NULL,
	payee_kind TEXT NOT NULL,
	payee_no TEXT NOT NULL,
	amount_fen BIGINT NOT NULL,
	account_import_id BIGINT NOT NULL,
	account_valid_from DATE NOT NULL,
	replaces TEXT,
	CONSTRAINT pk_payout_item PRIMARY KEY (end_to_end_id),
	CONSTRAINT uq_payout_item_statement_no_attempt UNIQUE (statement_no, attempt),
	CONSTRAINT ck_payout_item_pays_something CHECK (amount_fen > 0),
	CONSTRAINT fk_payout_item_batch_no FOREIGN KEY(batch_no) REFERENCES puhui.payout_batch (batch_no),
	CONSTRAINT fk_payout_item_statement_no FOREIGN KEY(statement_no) REFERENCES puhui.statement (statement_no)
);
CREATE INDEX ix_payout_item_batch_no ON puhui.payout_item (batch_no);
COMMENT ON TABLE puhui.payout_item IS 'settle: a payable is in one live item: attempt n+1 needs the return of attempt n';
COMMENT ON COLUMN puhui.payout_item.end_to_end_id IS 'statement number and attempt';
COMMENT ON COLUMN puhui.payout_item.account_import_id IS 'row of payee_account that is paid to';
COMMENT ON COLUMN puhui.payout_item.replaces IS 'the returned item that this one pays again';
CREATE TABLE puhui.programme_text (
	import_id BIGINT NOT NULL,
	programme TEXT NOT NULL,
	file TEXT NOT NULL,
	yaml TEXT NOT NULL,
	CONSTRAINT pk_programme_text PRIMARY KEY (import_id, programme),
	CONSTRAINT fk_programme_text_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_programme_text_programme ON puhui.programme_text (programme);
COMMENT ON TABLE puhui.programme_text IS 'batch/imports.py';
CREATE TABLE puhui.scheme_text (
	import_id BIGINT NOT NULL,
	programme TEXT NOT NULL,
	scheme TEXT NOT NULL,
	version INTEGER NOT NULL,
	title TEXT NOT NULL,
	file TEXT NOT NULL,
	yaml TEXT NOT NULL,
	CONSTRAINT pk_scheme_text PRIMARY KEY (import_id, programme, scheme, version),
	CONSTRAINT fk_scheme_text_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_scheme_text_programme_scheme_version ON puhui.scheme_text (programme, scheme, version);
COMMENT ON TABLE puhui.scheme_text IS 'batch/imports.py';
CREATE TABLE puhui.statement_line (
	statement_no TEXT NOT NULL,
	line INTEGER NOT NULL,
	clearing_date DATE NOT NULL,
	scheme TEXT,
	sale_count BIGINT NOT NULL,
	sale_fen BIGINT NOT NULL,
	refund_count BIGINT NOT NULL,
	refund_fen BIGINT NOT NULL,
	paid_fen BIGINT NOT NULL,
	subsidy_fen BIGINT NOT NULL,
	merchant_share_fen BIGINT NOT NULL,
	fee_fen BIGINT NOT NULL,
	adjustment_fen BIGINT NOT NULL,
	brought_fen BIGINT NOT NULL,
	CONSTRAINT pk_statement_line PRIMARY KEY (statement_no, line),
	CONSTRAINT fk_statement_line_statement_no FOREIGN KEY(statement_no) REFERENCES puhui.statement (statement_no)
);
COMMENT ON TABLE puhui.statement_line IS 'settle';
COMMENT ON COLUMN puhui.statement_line.scheme IS 'null: balance brought forward or adjustment';
CREATE TABLE puhui.terminal (
	import_id BIGINT NOT NULL,
	source TEXT NOT NULL,
	their_merchant_no TEXT NOT NULL,
	terminal_no TEXT NOT NULL,
	merchant_no TEXT NOT NULL,
	store_no TEXT NOT NULL,
	valid_from DATE NOT NULL,
	valid_to DATE,
	CONSTRAINT pk_terminal PRIMARY KEY (import_id, source, their_merchant_no, terminal_no, valid_from),
	CONSTRAINT fk_terminal_import_id FOREIGN KEY(import_id) REFERENCES puhui.import_file (import_id)
);
CREATE INDEX ix_terminal_source_their_merchant_no_terminal_no_valid_from ON puhui.terminal (source, their_merchant_no, terminal_no, valid_from);
COMMENT ON TABLE puhui.terminal IS 'batch/imports.py';
CREATE TABLE puhui.transaction (
	transaction_id TEXT NOT NULL,
	source TEXT NOT NULL,
	kind TEXT NOT NULL,
	original_key TEXT,
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
	clearing_date DATE NOT NULL,
	rail TEXT NOT NULL,
	merchant_no TEXT,
	terminal_no TEXT,
	card_id BIGINT,
	card_masked TEXT,
	instrument TEXT,
	gross_fen BIGINT,
	paid_fen BIGINT,
	claimed_fen BIGINT,
	fee_fen BIGINT,
	rrn TEXT,
	stan TEXT,
	auth_code TEXT,
	mcc TEXT,
	currency TEXT NOT NULL,
	file_id BIGINT NOT NULL,
	record BIGINT NOT NULL,
	byte_start BIGINT NOT NULL,
	byte_end BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_transaction PRIMARY KEY (transaction_id),
	CONSTRAINT fk_transaction_file_id FOREIGN KEY(file_id) REFERENCES puhui.file (file_id)
);
CREATE INDEX ix_transaction_business_date ON puhui.transaction (business_date);
COMMENT ON TABLE puhui.transaction IS 'ingest: our side';
COMMENT ON COLUMN puhui.transaction.business_date IS 'the night that took it';
CREATE TABLE puhui.award (
	transaction_id TEXT NOT NULL,
	line INTEGER NOT NULL,
	business_date DATE NOT NULL,
	programme TEXT NOT NULL,
	sale_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	version INTEGER NOT NULL,
	entitled_fen BIGINT,
	granted_fen BIGINT NOT NULL,
	outcome SMALLINT NOT NULL,
	limit_name TEXT,
	payee_kind TEXT NOT NULL,
	payee_no TEXT,
	payable_fen BIGINT NOT NULL,
	clearing_date DATE NOT NULL,
	CONSTRAINT pk_award PRIMARY KEY (transaction_id, line),
	CONSTRAINT fk_award_transaction_id FOREIGN KEY(transaction_id) REFERENCES puhui.transaction (transaction_id)
);
CREATE INDEX ix_award_business_date ON puhui.award (business_date);
CREATE INDEX ix_award_sale_id ON puhui.award (sale_id);
COMMENT ON TABLE puhui.award IS 'rate: the subledger; granted, clawed back and reinstated rows';
COMMENT ON COLUMN puhui.award.granted_fen IS 'signed change';
COMMENT ON COLUMN puhui.award.payee_no IS 'merchant_no, channel source, or member_no';
COMMENT ON COLUMN puhui.award.payable_fen IS 'granted less the merchant''s own share where it is kept back';
CREATE TABLE puhui.bank_line (
	line_id TEXT NOT NULL,
	statement_id TEXT NOT NULL,
	account TEXT NOT NULL,
	line BIGINT NOT NULL,
	booking_date DATE NOT NULL,
	value_date DATE,
	amount_fen BIGINT NOT NULL,
	reversal BOOLEAN NOT NULL,
	reference TEXT,
	end_to_end_id TEXT,
	counterparty_name TEXT,
	counterparty_masked TEXT,
	counterparty_index TEXT,
	remittance TEXT,
	bank_code TEXT,
	file_id BIGINT NOT NULL,
	business_date DATE NOT NULL,
	CONSTRAINT pk_bank_line PRIMARY KEY (line_id),
	CONSTRAINT fk_bank_line_statement_id FOREIGN KEY(statement_id) REFERENCES puhui.bank_statement (statement_id),
	CONSTRAINT fk_bank_line_file_id FOREIGN KEY(file_id) REFERENCES puhui.file (file_id)
);
CREATE INDEX ix_bank_line_business_date ON puhui.bank_line (business_date);
COMMENT ON TABLE puhui.bank_line IS 'ingest';
COMMENT ON COLUMN puhui.bank_line.line_id IS 'statement_id/line';
COMMENT ON COLUMN puhui.bank_line.amount_fen IS 'credit positive';
COMMENT ON COLUMN puhui.bank_line.counterparty_index IS 'keyed';
CREATE TABLE puhui.rated (
	transaction_id TEXT NOT NULL,
	business_date DATE NOT NULL,
	programme TEXT NOT NULL,
	sale_id TEXT,
	member_no TEXT,
	org TEXT,
	our_merchant_no TEXT,
	store_no TEXT,
	instrument TEXT,
	gross_fen BIGINT,
	refunded_fen BIGINT,
	outcome SMALLINT NOT NULL,
	scheme TEXT,
	limit_name TEXT,
	overclaimed_fen BIGINT NOT NULL,
	CONSTRAINT pk_rated PRIMARY KEY (transaction_id, business_date),
	CONSTRAINT fk_rated_transaction_id FOREIGN KEY(transaction_id) REFERENCES puhui.transaction (transaction_id)
);
CREATE INDEX ix_rated_business_date ON puhui.rated (business_date);
COMMENT ON TABLE puhui.rated IS 'rate: one row per transaction and date it was rated on';
COMMENT ON COLUMN puhui.rated.outcome IS 'outcomes.Outcome; ORPHAN is rated again on a later date';
COMMENT ON COLUMN puhui.rated.overclaimed_fen IS 'claimed by merchant or channel beyond the grant';
CREATE TABLE puhui.recon_match (
	ours_id TEXT NOT NULL,
	theirs_id TEXT NOT NULL,
	business_date DATE NOT NULL,
	channel TEXT NOT NULL,
	pass TEXT NOT NULL,
	result TEXT NOT NULL,
	key TEXT NOT NULL,
	CONSTRAINT pk_recon_match PRIMARY KEY (ours_id),
	CONSTRAINT fk_recon_match_ours_id FOREIGN KEY(ours_id) REFERENCES puhui.transaction (transaction_id),
	CONSTRAINT uq_recon_match_theirs_id UNIQUE (theirs_id),
	CONSTRAINT fk_recon_match_theirs_id FOREIGN KEY(theirs_id) REFERENCES puhui.clearing_item (item_id)
);
CREATE INDEX ix_recon_match_business_date ON puhui.recon_match (business_date);
COMMENT ON TABLE puhui.recon_match IS 'reconcile';
COMMENT ON COLUMN puhui.recon_match.pass IS 'exact reference near carry';
COMMENT ON COLUMN puhui.recon_match.result IS 'BALANCED AMOUNT_MISMATCH STATUS_MISMATCH';
COMMENT ON COLUMN puhui.recon_match.key IS 'the values that made the match, name=value joined by |';
CREATE TABLE puhui.statement_adjustment (
	discrepancy_id TEXT NOT NULL,
	seq INTEGER NOT NULL,
	statement_no TEXT NOT NULL,
	amount_fen BIGINT NOT NULL,
	CONSTRAINT pk_statement_adjustment PRIMARY KEY (discrepancy_id, seq),
	CONSTRAINT fk_statement_adjustment_discrepancy_id_seq FOREIGN KEY(discrepancy_id, seq) REFERENCES puhui.discrepancy_event (discrepancy_id, seq),
	CONSTRAINT fk_statement_adjustment_statement_no FOREIGN KEY(statement_no) REFERENCES puhui.statement (statement_no)
);
CREATE INDEX ix_statement_adjustment_statement_no ON puhui.statement_adjustment (statement_no);
COMMENT ON TABLE puhui.statement_adjustment IS 'settle: an adjustment is on one statement at most';
COMMENT ON COLUMN puhui.statement_adjustment.amount_fen IS 'more to the payee is positive';
CREATE TABLE puhui.award_share (
	transaction_id TEXT NOT NULL,
	line INTEGER NOT NULL,
	position SMALLINT NOT NULL,
	sponsor TEXT NOT NULL,
	sponsor_kind TEXT NOT NULL,
	amount_fen BIGINT NOT NULL,
	CONSTRAINT pk_award_share PRIMARY KEY (transaction_id, line, position),
	CONSTRAINT fk_award_share_transaction_id_line FOREIGN KEY(transaction_id, line) REFERENCES puhui.award (transaction_id, line)
);
COMMENT ON TABLE puhui.award_share IS 'rate';
COMMENT ON COLUMN puhui.award_share.sponsor_kind IS 'union bank network merchant district';
CREATE TABLE puhui.money_match (
	line_id TEXT NOT NULL,
	business_date DATE NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	amount_fen BIGINT NOT NULL,
	reason TEXT,
	CONSTRAINT pk_money_match PRIMARY KEY (line_id),
	CONSTRAINT fk_money_match_line_id FOREIGN KEY(line_id) REFERENCES puhui.bank_line (line_id)
);
CREATE INDEX ix_money_match_business_date ON puhui.money_match (business_date);
COMMENT ON TABLE puhui.money_match IS 'reconcile: what a bank line was; a line without a row here is a discrepancy';
COMMENT ON COLUMN puhui.money_match.kind IS 'paid returned sponsor_funds charge interest';
COMMENT ON COLUMN puhui.money_match.subject IS 'end_to_end_id, sponsor, or account name';
CREATE TABLE puhui.payout_result (
	end_to_end_id TEXT NOT NULL,
	seq SMALLINT NOT NULL,
	business_date DATE NOT NULL,
	result TEXT NOT NULL,
	line_id TEXT,
	reason TEXT,
	CONSTRAINT pk_payout_result PRIMARY KEY (end_to_end_id, seq),
	CONSTRAINT fk_payout_result_end_to_end_id FOREIGN KEY(end_to_end_id) REFERENCES puhui.payout_item (end_to_end_id),
	CONSTRAINT fk_payout_result_line_id FOREIGN KEY(line_id) REFERENCES puhui.bank_line (line_id)
);
COMMENT ON TABLE puhui.payout_result IS 'reconcile';
COMMENT ON COLUMN puhui.payout_result.result IS 'paid returned rejected';
CREATE TABLE puhui.statement_award (
	transaction_id TEXT NOT NULL,
	line INTEGER NOT NULL,
	statement_no TEXT NOT NULL,
	CONSTRAINT pk_statement_award PRIMARY KEY (transaction_id, line),
	CONSTRAINT fk_statement_award_transaction_id_line FOREIGN KEY(transaction_id, line) REFERENCES puhui.award (transaction_id, line),
	CONSTRAINT fk_statement_award_statement_no FOREIGN KEY(statement_no) REFERENCES puhui.statement (statement_no)
);
CREATE INDEX ix_statement_award_statement_no ON puhui.statement_award (statement_no);
COMMENT ON TABLE puhui.statement_award IS 'settle: an award is on one statement at most';
CREATE TABLE puhui.statement_held (
	statement_no TEXT NOT NULL,
	transaction_id TEXT NOT NULL,
	line INTEGER NOT NULL,
	reason TEXT NOT NULL,
	expected_date DATE,
	CONSTRAINT pk_statement_held PRIMARY KEY (statement_no, transaction_id, line),
	CONSTRAINT fk_statement_held_transaction_id_line FOREIGN KEY(transaction_id, line) REFERENCES puhui.award (transaction_id, line),
	CONSTRAINT fk_statement_held_statement_no FOREIGN KEY(statement_no) REFERENCES puhui.statement (statement_no)
);
COMMENT ON TABLE puhui.statement_held IS 'settle: awards listed as held on a statement';
CREATE FUNCTION puhui.entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE difference numeric;
BEGIN
  SELECT coalesce(sum(amount_fen), 0) INTO difference FROM puhui.entry_line WHERE entry_id = NEW.entry_id;
  IF difference <> 0 OR NOT EXISTS (SELECT 1 FROM puhui.entry_line WHERE entry_id = NEW.entry_id) THEN
    RAISE EXCEPTION 'entry % does not balance: % fen', NEW.entry_id, difference USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON puhui.entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION puhui.entry_balances();
CREATE CONSTRAINT TRIGGER entry_line_balances AFTER INSERT ON puhui.entry_line
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION puhui.entry_balances();
