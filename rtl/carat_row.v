// A row of Carat (Pan et al., ASPLOS 2024) as the paper evaluates it: Mugi's row for FP8 weights. The
// spike stands for the mantissa; sign and exponent follow when the product is taken.
module carat_row #(
    parameter W = 8
) (
    input            clk,
    input            reset,
    // the next window
    input            begin_window,
    input            used,
    input [7:0]      weight,           // E4M3
    // windows: see window_control
    input            running,
    input [2:0]      count,
    input [W-1:0]    columns_current,
    input [W-1:0]    columns_previous,
    input            first_current,
    input            first_previous,
    input            last_current,
    input            last_previous,
    input [2:0]      last_column_current,
    input [2:0]      last_column_previous,
    input [16*W-1:0] columns,          // values on the columns
    output           takes,            // the adder takes a product
    output [2:0]     takes_column,
    output           output_ready,
    output [15:0]    sum
);
    wire       spike, sign_current, sign_previous;
    reg [6:0]  weight_current, weight_previous; // without sign
    temporal_converter temporal_converter (
        .clk(clk), .reset(reset), .begin_window(begin_window),
        .used(used), .sign(weight[7]), .magnitude(weight[2:0]),
        .running(running), .count(count),
        .spike(spike), .sign_current(sign_current), .sign_previous(sign_previous)
    );
    always @(posedge clk)
        if (begin_window) begin
            weight_current <= weight[6:0];
            weight_previous <= weight_current;
        end

    wire [15:0]  value_current, value_previous;
    wire [W-1:0] spikes_current, spikes_previous;
    pe_chain #(.W(W)) pe_chain (
        .clk(clk), .reset(reset), .spike(spike),
        .columns_current(columns_current), .columns_previous(columns_previous), .columns(columns),
        .spikes_current(spikes_current), .spikes_previous(spikes_previous),
        .value_current(value_current), .value_previous(value_previous)
    );

    wire        behind;
    wire [15:0] value, product;
    waiting_products #(.W(W)) waiting_products (
        .clk(clk), .reset(reset),
        .spikes_current(spikes_current), .spikes_previous(spikes_previous),
        .value_current(value_current), .value_previous(value_previous),
        .next(takes_column), .ready(takes), .value(value)
    );
    carat_scaling scaling (
        .value(value),
        .weight(behind ? {sign_previous, weight_previous} : {sign_current, weight_current}),
        .product(product)
    );
    accumulator #(.W(W)) accumulator (
        .clk(clk), .reset(reset), .begin_window(begin_window),
        .first_current(first_current), .first_previous(first_previous),
        .last_current(last_current), .last_previous(last_previous),
        .last_column_current(last_column_current), .last_column_previous(last_column_previous),
        .ready(takes), .product(product), .next(takes_column), .behind(behind),
        .add_exponential(1'b0), .exponential(16'd0),
        .output_ready(output_ready), .sum(sum), .sum_of_exponentials()
    );
endmodule
