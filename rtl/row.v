// A row of the array: temporal converter, W processing elements, and behind them the adder with the
// products that wait for it and the partial sums, the exponent subscription, and the output FIFO.
module row #(
    parameter W = 8,
    parameter LUT = 12,
    parameter OUTPUT_DEPTH = 8
) (
    input            clk,
    input            reset,
    // the next window
    input            begin_window,
    input            nonlinear,
    input            exponential,
    input            negative_lut,     // the LUT holds the values of negative inputs
    // windows: see window_control
    input            running,
    input            window_ends,
    input [2:0]      count,
    input [W-1:0]    columns_current,
    input [W-1:0]    columns_previous,
    input            nonlinear_current,
    input            nonlinear_previous,
    input            exponential_previous,
    input            first_current,
    input            first_previous,
    input            last_current,
    input            last_previous,
    input [2:0]      last_column_current,
    input [2:0]      last_column_previous,
    input [16*W-1:0] columns,          // values on the columns
    // GEMM
    input            push_weight,
    input [4:0]      weight,           // used, sign, magnitude
    // nonlinear operations
    input            load_input,
    input            used,
    input            valid,            // competes for the sliding window
    input [15:0]     code,
    input [7:0]      window_low,
    input [7:0]      lut_low,
    output [7:0]     competing_exponent,
    // outputs
    input            pop,
    output [15:0]    output_head,
    output [15:0]    sum_of_exponentials,
    output           fault,            // a FIFO ran over or empty
    // for observation
    output           takes,            // the adder takes a product
    output [2:0]     takes_column,
    output [15:0]    sum,
    output           selects_current,
    output           selects_previous
);
    // the input of a nonlinear operation, rounded and clamped
    reg        input_used, input_valid;
    reg [15:0] input_code;
    wire [2:0] mantissa, clamped_magnitude, offset;
    wire [7:0] exponent;
    wire       zero, special, replaced;
    wire [15:0] replacement;

    always @(posedge clk)
        if (reset) input_used <= 0;
        else if (load_input) begin
            input_used <= used;
            input_valid <= valid;
            input_code <= code;
        end

    rounding rounding (
        .code(input_code), .mantissa(mantissa), .exponent(exponent), .zero(zero), .special(special)
    );
    assign competing_exponent = input_used & input_valid & ~zero & ~special ? exponent : 8'd0;
    clamping #(.W(W), .LUT(LUT)) clamping (
        .exponential(exponential), .code(input_code),
        .mantissa(mantissa), .exponent(exponent), .zero(zero), .special(special),
        .window_low(window_low), .lut_low(lut_low),
        .magnitude(clamped_magnitude), .offset(offset),
        .replaced(replaced), .replacement(replacement)
    );
    wire used_nonlinear = nonlinear & input_used & input_code[15] == negative_lut;

    // the weight of a GEMM
    wire [4:0] weight_head;
    wire       weight_overflow, weight_underflow;
    fifo #(.WIDTH(5), .DEPTH(2)) weight_fifo (
        .clk(clk), .reset(reset), .push(push_weight), .value(weight),
        .pop(begin_window & ~nonlinear), .head(weight_head), .empty(),
        .overflow(weight_overflow), .underflow(weight_underflow)
    );

    wire spike, sign_current, sign_previous;
    temporal_converter temporal_converter (
        .clk(clk), .reset(reset), .begin_window(begin_window),
        .used(nonlinear ? used_nonlinear : weight_head[4]),
        .sign(weight_head[3]),
        .magnitude(nonlinear ? clamped_magnitude : weight_head[2:0]),
        .running(running), .count(count),
        .spike(spike), .sign_current(sign_current), .sign_previous(sign_previous)
    );

    wire [15:0]  value_current, value_previous;
    wire [W-1:0] spikes_current, spikes_previous;
    pe_chain #(.W(W)) pe_chain (
        .clk(clk), .reset(reset), .spike(spike),
        .columns_current(columns_current), .columns_previous(columns_previous), .columns(columns),
        .spikes_current(spikes_current), .spikes_previous(spikes_previous),
        .value_current(value_current), .value_previous(value_previous)
    );

    wire        result_ready;
    wire [15:0] result;
    exponent_selection #(.W(W)) exponent_selection (
        .clk(clk), .reset(reset), .begin_window(begin_window), .window_ends(window_ends),
        .used(used_nonlinear), .offset(offset),
        .replaced(replaced), .replacement(replacement),
        .spikes_current(spikes_current), .spikes_previous(spikes_previous),
        .chain_current(value_current), .chain_previous(value_previous),
        .selects_current(selects_current), .selects_previous(selects_previous),
        .result_ready(result_ready), .result(result)
    );

    wire        behind;
    wire [15:0] value;
    waiting_products #(.W(W)) waiting_products (
        .clk(clk), .reset(reset),
        .spikes_current(spikes_current & {W{~nonlinear_current}}),
        .spikes_previous(spikes_previous & {W{~nonlinear_previous}}),
        .value_current(value_current), .value_previous(value_previous),
        .next(takes_column), .ready(takes), .value(value)
    );

    wire output_ready;
    accumulator #(.W(W)) accumulator (
        .clk(clk), .reset(reset), .begin_window(begin_window),
        .first_current(first_current), .first_previous(first_previous),
        .last_current(last_current), .last_previous(last_previous),
        .last_column_current(last_column_current), .last_column_previous(last_column_previous),
        .ready(takes), .product(value ^ {behind ? sign_previous : sign_current, 15'd0}),
        .next(takes_column), .behind(behind),
        .add_exponential(result_ready & exponential_previous), .exponential(result),
        .output_ready(output_ready), .sum(sum), .sum_of_exponentials(sum_of_exponentials)
    );

    wire output_empty, output_overflow;
    fifo #(.WIDTH(16), .DEPTH(OUTPUT_DEPTH)) output_fifo (
        .clk(clk), .reset(reset),
        .push(output_ready | result_ready), .value(result_ready ? result : sum),
        .pop(pop & ~output_empty), .head(output_head), .empty(output_empty),
        .overflow(output_overflow), .underflow()
    );

    assign fault = weight_overflow | weight_underflow | output_overflow;
endmodule
